"""A scripted policy beside the worlds, and a run that learns from it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from metta_puffer import MettaPufferEnv
from metta_puffer.config.resolver import resolve_native
from metta_puffer.errors import UserError
from metta_puffer.native.trainer import train
from tests.native.toys import ListSink

COUNTING = "tests.scripted_teacher.Counting"


def small_env(supervisor: str | None, **options: object) -> MettaPufferEnv:
    return MettaPufferEnv("arena", num_agents=4, num_worlds=4, max_steps=5, supervisor=supervisor, **options)  # type: ignore[arg-type]


def test_it_is_asked_once_for_every_observation_and_begins_anew_with_each_episode() -> None:
    env = small_env(COUNTING)
    env.reset(seed=0)
    assert env.gives_teacher_actions
    noop = np.zeros(env.num_agents, np.int32)
    for env_step in range(12):
        assert env.teacher_actions.tolist() == [env_step % 5 + 1] * 16
        env.step(noop)
    env.begin_episode(2, 7)
    assert env.teacher_actions.reshape(4, 4)[:, 0].tolist() == [3, 3, 1, 3]
    env.close()


def test_groups_are_advised_one_by_one() -> None:
    env = small_env(COUNTING, num_groups=2)
    env.reset(seed=0)
    env.step_async(np.zeros(8, np.int32), 1)
    env.wait(1)
    assert env.teacher_actions.reshape(4, 4)[:, 0].tolist() == [1, 1, 2, 2]
    env.close()


def test_without_one_no_actions_are_recommended() -> None:
    env = small_env(None)
    env.reset(seed=0)
    assert not env.gives_teacher_actions and not env.teacher_actions.any()
    env.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tests.scripted_teacher.Countin", "there is no such policy"),
        ("tests.scripted_teacher.np", "no mettagrid MultiAgentPolicy"),
        ("tests.scripted_teacher.Mute", "no step_batch"),
        ("no_such_package.Policy", "there is no such policy"),
    ],
)
def test_what_cannot_advise_is_refused(name: str, said: str) -> None:
    with pytest.raises(UserError, match=f"supervisor = {name!r}: .*{said}"):
        small_env(name)


def test_a_run_clones_it(tmp_path: Path) -> None:
    """The published noop policy recommends to stay; a policy taught by it alone soon does nothing else."""
    torch.set_num_threads(1)
    plan = resolve_native(
        "configs/native/arena-small.yaml",
        {
            "env.supervisor": "noop",
            "trainer.total_timesteps": "16384",
            "trainer.ppo.pg_coef": "0",
            "trainer.losses": [{"name": "action_supervised", "options": {"teacher": "environment"}}],
        },
        run_dir=str(tmp_path),
    )
    sink = ListSink()
    train(plan, sink)
    losses = [record.values["losses/action_supervised"] for record in sink.records]
    assert losses[-1] < 0.3 * losses[0]

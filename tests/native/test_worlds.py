"""Groups of worlds: the engine's own threads do what an environment object a group would, and leave nothing behind."""

import gc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from metta_puffer.config.plan import EnvPlan
from metta_puffer.native.replay import GroupLog
from metta_puffer.native.transfer import ActionsToHost
from metta_puffer.native.worlds import EngineGroups, Received, ThreadGroups, WorldGroups, metta_env, open_worlds


def env_plan(groups: int = 2, envs: int = 6, agents: int = 2, **options: Any) -> EnvPlan:
    return EnvPlan(
        game="arena",
        game_options={"max_steps": 7, **options},
        agents_per_env=agents,
        envs=envs,
        workers=1,
        envs_per_forward=envs // groups,
        backend="Groups",
        seed=11,
    )


def actions_of(turn: int, plan: EnvPlan) -> npt.NDArray[np.int32]:
    return np.random.default_rng(turn).integers(0, 5, plan.agents_per_forward).astype(np.int32)


def copy(received: Received) -> tuple[Any, ...]:
    arrays = received.observations, received.rewards, received.terminals, received.truncations
    return received.group, [array.copy() for array in arrays], received.infos


def play(worlds: WorldGroups, plan: EnvPlan, turns: range) -> list[tuple[Any, ...]]:
    seen = []
    for turn in turns:
        received = worlds.recv()
        seen.append(copy(received))
        worlds.send(received.group, actions_of(turn, plan))
    return seen


def assert_same(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one[0] == other[0] and one[2] == other[2]
        for mine, others in zip(one[1], other[1], strict=True):
            np.testing.assert_array_equal(mine, others)


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"desync_episodes": True}, {"autoreset": "upstream"}], ids=str)
def test_the_engines_groups_do_what_an_object_a_group_does(groups: int, options: dict[str, Any]) -> None:
    plan = env_plan(groups, **options)
    both: list[WorldGroups] = [EngineGroups(plan, None), ThreadGroups(plan, metta_env, None)]
    seen = []
    for worlds in both:
        worlds.reset()
        seen.append(play(worlds, plan, range(20 * groups)))
        worlds.close()
    assert_same(*seen)
    assert sum(len(infos) for _, _, infos in seen[0]) >= 6  # episodes did end


def test_the_engines_groups_are_taken_up_in_mid_episode() -> None:
    plan = env_plan(3, desync_episodes=True)
    whole, first = EngineGroups(plan, None), EngineGroups(plan, None)
    for worlds in (whole, first):
        worlds.reset()
    played = play(whole, plan, range(60))
    play(first, plan, range(31))
    for _ in range(3):  # a checkpoint is written when every group has arrived
        first.recv()
    states = [log.state() for log in first.logs]
    first.close()

    logs = [GroupLog.from_state(state, plan.envs_per_forward, plan.agents_per_env) for state in states]
    second = EngineGroups(plan, logs)
    second.reset()
    arrived = {received.group: received for received in (second.recv() for _ in range(3))}
    order = [group for group, _, _ in played[31:34]]
    assert_same([copy(arrived[group]) for group in order], played[31:34])
    for turn, group in enumerate(order, start=31):
        second.send(group, actions_of(turn, plan))
    assert_same(play(second, plan, range(34, 60)), played[34:])
    for worlds in (whole, second):
        worlds.close()


def test_only_the_native_engine_steps_groups_itself() -> None:
    plan = env_plan()
    published = plan.model_copy(update={"engine": "published"})

    def other_env(plan: EnvPlan, worlds: int, seed: int, buf: Any = None) -> Any:
        return metta_env(plan, worlds, seed, buf)

    for kind, opened in (
        (EngineGroups, open_worlds(plan, metta_env)),
        (ThreadGroups, open_worlds(published, metta_env)),
        (ThreadGroups, open_worlds(plan, other_env)),
    ):
        assert type(opened) is kind
        opened.close()


def test_closing_waits_for_the_step_under_way() -> None:
    """What stands in the buffers afterwards is the whole step: nothing writes there any more."""
    plan = env_plan(envs=400, agents=24, map_pool=1)  # so many that the step is still under way
    asked, closed = EngineGroups(plan, None), EngineGroups(plan, None)
    for worlds in (asked, closed):
        worlds.reset()
        for turn in range(2):
            worlds.send(worlds.recv().group, actions_of(turn, plan))
    expected = [copy(asked.recv())[1][0] for _ in range(2)]
    closed.close()
    seen = closed.driver_env.observations.copy()
    np.testing.assert_array_equal(seen, np.concatenate(expected))
    closed.close()  # and again does no harm
    asked.close()


def test_a_forgotten_environment_finishes_its_step_before_its_buffers_go() -> None:
    kept, expected = [], []
    plan = env_plan(envs=400, agents=24, map_pool=1)
    for forget in (True, False):
        env = metta_env(plan, plan.envs, 11, num_groups=2)
        env.reset(11)
        for group in range(2):
            env.step_async(actions_of(group, plan), group)
        if not forget:
            for group in range(2):
                env.wait(group)
        observations = env.observations
        del env
        gc.collect()
        (kept if forget else expected).append(observations.copy())
    np.testing.assert_array_equal(kept, expected)


def test_worlds_write_into_page_locked_buffers_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    locked: list[torch.Tensor] = []

    def pin_memory(tensor: torch.Tensor) -> torch.Tensor:  # what a machine with a GPU does, but for the locking
        locked.append(tensor.clone())
        return locked[-1]

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    plan = env_plan()
    on_cpu, for_gpu = open_worlds(plan, metta_env), open_worlds(plan, metta_env, device="cuda:0")
    env = for_gpu.driver_env
    buffers = (env.observations, env.rewards, env.terminals, env.truncations, env.teacher_actions, env.masks)
    addresses = {tensor.data_ptr() for tensor in locked}
    assert {buffer.ctypes.data for buffer in (*buffers, env.actions)} == addresses
    seen = []
    for worlds in (on_cpu, for_gpu):
        worlds.reset()
        seen.append(play(worlds, plan, range(8)))
        worlds.close()
    assert_same(*seen)


def test_actions_reach_the_host_as_the_engine_takes_them() -> None:
    sent = ActionsToHost(torch.tensor([3, 0, 4])).numpy()
    assert sent.dtype == np.int32 and sent.tolist() == [3, 0, 4]

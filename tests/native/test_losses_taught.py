"""Losses with a teacher: against slow references, by their gradients, and by what the taught policy learns."""

from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from metta_puffer.config.plan import EnvPlan, LossTermPlan, RunPlan
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.losses.kickstarter import distillation_loss
from metta_puffer.native.losses.sl_kickstarter import cross_entropy
from metta_puffer.native.losses.term import Context
from metta_puffer.native.trainer import NativeTrainer, train
from tests.native.loss_inputs import ACTIONS, HORIZON, ROWS, context, gradients_agree, loss_of, minibatch
from tests.native.toys import ListSink, RecallEnv, recall_env, toy_plan
from tests.policies.games import game_env


class TaughtEnv(RecallEnv):
    """Recommends what is right."""

    gives_teacher_actions = True

    def reset(self, seed: int | None = None) -> Any:
        result = super().reset(seed)
        self.teacher_actions[:] = self._cue
        return result

    def step(self, actions: np.ndarray) -> Any:
        result = super().step(actions)
        self.teacher_actions[:] = self._cue
        return result


def taught_env(plan: EnvPlan, worlds: int, seed: int, buf: Any = None) -> TaughtEnv:
    return TaughtEnv(plan.agents_per_env * worlds, seed, buf=buf, **plan.game_options)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that has learned to remember, with versions 20, 40 and 45."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("teacher")
    plan = toy_plan(folder, batch__total_timesteps=512 * 45, checkpoint_interval_epochs=20)
    train(plan, ListSink(), recall_env)
    return str(folder)


def taught_plan(folder: Path, name: str, epochs: int = 25, **options: Any) -> RunPlan:
    """One loss and no reward: what is learned is learned from the teacher."""
    return toy_plan(
        folder,
        seed=7,
        loss__pg_coef=0.0,
        loss__vf_coef=0.0,
        batch__total_timesteps=512 * epochs,
        losses=(LossTermPlan(name=name, options=options),),
    )


def advised(**advice: Tensor) -> Any:
    return minibatch(advice=advice)


def logits_of_teacher() -> Tensor:
    return torch.randn(ROWS, HORIZON, ACTIONS, generator=torch.Generator().manual_seed(9))


def values_of_teacher() -> Tensor:
    return torch.randn(ROWS, HORIZON, generator=torch.Generator().manual_seed(8))


def test_distillation_by_hand() -> None:
    logits, teacher = torch.tensor([[0.0, log(9.0)]]), torch.tensor([[0.0, 0.0]])
    # At temperature 2 the student has odds 3 to 1, the teacher 1 to 1.
    expected = 4 * (0.25 * log(0.25 / 0.5) + 0.75 * log(0.75 / 0.5))
    assert float(distillation_loss(logits, teacher, 2.0)) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_by_hand() -> None:
    logits, teacher = torch.tensor([[0.0, log(3.0)]]), torch.tensor([[log(4.0), 0.0]])
    expected = -0.8 * log(0.25) - 0.2 * log(0.75)
    assert float(cross_entropy(logits, teacher)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "distance"),
    [("kickstarter", lambda s, t: distillation_loss(s, t, 2.0)), ("sl_kickstarter", cross_entropy)],
)
def test_kickstarters_add_the_distance_of_the_values(
    name: str, distance: Callable[[Tensor, Tensor], Tensor], teacher: str
) -> None:
    loss = loss_of(name, teacher=teacher, value_coef=0.5)
    batch = advised(logits=logits_of_teacher(), values=values_of_teacher())
    apart = sum(
        float(batch.values[row, t] - values_of_teacher()[row, t]) ** 2 for row in range(ROWS) for t in range(HORIZON)
    )
    expected = float(distance(batch.logits, logits_of_teacher())) + 0.5 * apart / (ROWS * HORIZON)
    assert float(loss(batch)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["kickstarter", "sl_kickstarter"])
@pytest.mark.parametrize("moved", ["logits", "values"])
def test_gradients_of_kickstarters_agree_with_finite_differences(name: str, moved: str, teacher: str) -> None:
    batch = advised(logits=logits_of_teacher(), values=values_of_teacher())
    assert gradients_agree(loss_of(name, teacher=teacher), batch, moved)


def recommended() -> Tensor:
    """Actions, among them numbers that are none."""
    return torch.randint(-1, ACTIONS + 1, (ROWS, HORIZON), generator=torch.Generator().manual_seed(4))


def taught_context() -> Context:
    setting = context()
    return Context(setting.plan, TaughtEnv(8, 0), setting.width, setting.num_actions)


def test_cloning_one_action_at_a_time() -> None:
    batch = advised(actions=recommended())
    chosen = [
        float(batch.logits[row, t].log_softmax(-1)[action])
        for row in range(ROWS)
        for t in range(HORIZON)
        if 0 <= (action := int(recommended()[row, t])) < ACTIONS
    ]
    assert 0 < len(chosen) < ROWS * HORIZON
    loss = loss_of("action_supervised", taught_context(), teacher="environment")
    assert float(loss(batch)) == pytest.approx(-sum(chosen) / len(chosen), rel=1e-5)
    assert float(loss(advised(actions=torch.full((ROWS, HORIZON), -1)))) == 0
    assert gradients_agree(loss, batch, "logits")


def last_scores(sink: ListSink) -> float:
    return sum(record.values["score"] for record in sink.records[-3:]) / 3


@pytest.mark.parametrize(
    ("name", "options"),
    [("kickstarter", {}), ("sl_kickstarter", {"every_epochs": 3, "value_coef": 0.1}), ("action_supervised", {})],
)
def test_a_student_learns_from_a_checkpoint(name: str, options: dict[str, Any], teacher: str, tmp_path: Path) -> None:
    """The teacher knows the game; the student learns it without looking at rewards. At random it earns 2 of 4."""
    sink = ListSink()
    train(taught_plan(tmp_path, name, teacher=teacher, **options), sink, recall_env)
    assert sink.records[0].values["score"] < 2.5 and last_scores(sink) > 3.6
    assert sink.records[-1].values[f"losses/{name}"] < 0.5 * sink.records[0].values[f"losses/{name}"]


def test_a_student_learns_from_the_environments_recommendations(tmp_path: Path) -> None:
    sink = ListSink()
    train(taught_plan(tmp_path, "action_supervised", teacher="environment"), sink, taught_env)
    assert sink.records[0].values["score"] < 2.5 and last_scores(sink) > 3.6


def test_a_leading_teacher_acts_and_the_students_probability_is_stored(tmp_path: Path) -> None:
    plan = taught_plan(tmp_path, "action_supervised", epochs=1, teacher="environment", lead=1.0)
    sink = ListSink()
    trainer = NativeTrainer(plan, sink, taught_env)
    trainer.run(lambda: False)
    trainer.close()
    assert sink.records[0].values["score"] == 4.0
    assert torch.equal(trainer.experience.actions, trainer.experience.advice["action_supervised/actions"])
    # Hardly trained, the student gives both actions about the same probability.
    assert float((trainer.experience.logprobs - log(0.5)).abs().max()) < 0.1


def test_a_teacher_leads_in_its_share_of_agent_steps(tmp_path: Path) -> None:
    plan = taught_plan(tmp_path, "action_supervised", epochs=1, teacher="environment", lead=0.5)
    trainer = NativeTrainer(plan, ListSink(), taught_env)
    trainer.run(lambda: False)
    trainer.close()
    same = trainer.experience.actions == trainer.experience.advice["action_supervised/actions"]
    # Led, or of the same opinion by chance: 3 of 4, within five standard errors.
    assert float(same.float().mean()) == pytest.approx(0.75, abs=5 * (0.75 * 0.25 / 512) ** 0.5)


def test_the_teacher_remembers_as_it_did_when_it_was_trained(teacher: str, tmp_path: Path) -> None:
    """A student with its teacher's weights values everything as the teacher does, over two rollouts with ends."""
    plan = taught_plan(tmp_path, "kickstarter", epochs=2, teacher=teacher)
    trainer = NativeTrainer(plan, ListSink(), recall_env)
    trainer.policy.load_state_dict(checkpoints.load(checkpoints.resolve(teacher)).weights)
    trainer._worlds.reset()
    for _ in range(2):
        trainer._rollout.collect(trainer._stopwatch)
        torch.testing.assert_close(trainer.experience.advice["kickstarter/values"], trainer.experience.values[:, :-1])
    trainer.close()


def test_versions_teach_one_after_the_other(teacher: str) -> None:
    loss = loss_of("sl_kickstarter", teacher=teacher, every_epochs=2)
    names = []
    for epoch in (0, 1, 2, 9):
        loss.begin(epoch)
        names.append(Path(loss._teacher.version).name)
    assert names == ["v000020", "v000020", "v000040", "v000045"]


def test_a_resumed_run_has_a_teacher_that_remembers(teacher: str, tmp_path: Path) -> None:
    """Episodes of 3 in rows of 8: the teacher, too, is amid one at the end of a rollout."""

    def run(folder: str, epochs: int) -> dict[str, Tensor]:
        plan = taught_plan(tmp_path / folder, "kickstarter", epochs=epochs, teacher=teacher)
        plan = plan.model_copy(update={"env": plan.env.model_copy(update={"game_options": {"length": 3}})})
        train(plan, ListSink(), recall_env)
        return checkpoints.load(checkpoints.resolve(tmp_path / folder)).weights

    whole = run("whole", 4)
    run("halves", 2)
    assert all(torch.equal(weights, whole[name]) for name, weights in run("halves", 4).items())


def test_the_teachers_weights_are_not_the_losss_own(teacher: str) -> None:
    assert list(loss_of("kickstarter", teacher=teacher).parameters()) == []


def test_teachers_that_cannot_teach_are_refused(teacher: str) -> None:
    with pytest.raises(UserError, match="recommends no actions"):
        loss_of("action_supervised", teacher="environment")
    with pytest.raises(UserError, match="nowhere"):
        loss_of("kickstarter", teacher="nowhere")
    setting = context()
    other_game = Context(setting.plan, game_env(), setting.width, setting.num_actions)
    with pytest.raises(UserError, match=r"trainer.losses kickstarter.teacher: this teacher does not fit"):
        loss_of("kickstarter", other_game, teacher=teacher)

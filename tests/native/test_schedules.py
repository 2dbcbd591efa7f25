"""Numbers that change during a run, and the weight losses."""

from pathlib import Path
from typing import Any

import pytest
import torch

from metta_puffer.config.plan import LossTermPlan, RunPlan, SchedulePlan
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.schedules import Schedules
from metta_puffer.native.trainer import train
from tests.native.toys import ListSink, recall_env, toy_plan


def plan(**changes: Any) -> RunPlan:
    schedule = SchedulePlan(**{"key": "ppo.ent_coef", "kind": "linear", "start": 1.0, "end": 0.0, **changes})
    return toy_plan("unused", batch__total_timesteps=1000, schedules=(schedule,))


def values(schedules: Schedules, *moments: int) -> list[float]:
    return [schedules.at(moment).loss.ent_coef for moment in moments]


def test_linear_over_the_budget() -> None:
    assert values(Schedules(plan()), 0, 250, 1000, 2000) == pytest.approx([1.0, 0.75, 0.0, 0.0])


def test_before_it_begins_the_configured_number_holds() -> None:
    schedules = Schedules(plan(begin_agent_steps=400, end_agent_steps=800))
    assert values(schedules, 0, 399, 400, 600, 800, 900) == pytest.approx([0.001, 0.001, 1.0, 0.5, 0.0, 0.0])


def test_cosine_is_slow_at_both_ends() -> None:
    assert values(Schedules(plan(kind="cosine")), 0, 250, 500, 750, 1000) == pytest.approx(
        [1.0, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2, 0.0]
    )


def test_sawtooth_starts_over_every_period() -> None:
    schedules = Schedules(plan(kind="sawtooth", period_agent_steps=200))
    assert values(schedules, 0, 100, 199, 200, 300, 1000) == pytest.approx([1.0, 0.5, 0.005, 1.0, 0.5, 0.0])


def test_a_metric_drives_the_number_after_smoothing() -> None:
    schedules = Schedules(plan(kind="metric", metric="score", metric_start=0, metric_end=10, metric_smoothing=0.5))
    assert values(schedules, 0) == [0.001]  # not yet seen
    seen = []
    for score in (0.0, 8.0, 8.0, 100.0):  # smoothed: 0, 4, 6, 53
        schedules.observe({"score": score, "other": 1.0})
        seen += values(schedules, 0)
    assert seen == pytest.approx([1.0, 0.6, 0.4, 0.0])


def test_other_numbers_stay_and_any_section_can_be_scheduled() -> None:
    for key, section, name in (
        ("optimizer.learning_rate", "optimizer", "learning_rate"),
        ("ppo.clip_coef", "loss", "clip_coef"),
        ("vtrace.vtrace_c_clip", "loss", "vtrace_c_clip"),
    ):
        original = plan(key=key)
        changed = Schedules(original).at(500)
        assert getattr(getattr(changed, section), name) == 0.5
        assert changed.batch == original.batch and changed.rules == original.rules


def test_rules_that_are_numbers_can_be_scheduled_where_they_are_on() -> None:
    schedule = SchedulePlan(key="reward_centering", kind="linear", start=0.2, end=0.0)
    on = toy_plan("unused", batch__total_timesteps=1000, rules__reward_centering=0.1, schedules=(schedule,))
    assert Schedules(on).at(500).rules.reward_centering == pytest.approx(0.1)
    with pytest.raises(UserError, match="no number of the trainer"):
        Schedules(on.model_copy(update={"rules": on.rules.model_copy(update={"reward_centering": None})}))


def test_the_weight_of_a_loss_can_be_scheduled() -> None:
    losses = LossTermPlan(name="dynamics", coef=3.0), LossTermPlan(name="stable_latent", coef=2.0)
    schedule = SchedulePlan(key="losses.dynamics.coef", kind="linear", start=1.0, end=0.0, begin_agent_steps=100)
    schedules = Schedules(toy_plan("unused", batch__total_timesteps=300, losses=losses, schedules=(schedule,)))
    assert [[loss.coef for loss in schedules.at(moment).losses] for moment in (0, 200, 300)] == [
        [3, 2],
        [0.5, 2],
        [0, 2],
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": "ppo.ent_coeff"}, "Did you mean 'ppo.ent_coef'"),
        ({"key": "batch.segments"}, "no number of the trainer"),
        ({"key": "losses.dynamics.coef"}, "no number of the trainer"),  # the plan has no such loss
        ({"kind": "sawtooth"}, "needs a period"),
        ({"kind": "metric"}, "no metric"),
        ({"begin_agent_steps": 5, "end_agent_steps": 5}, "ends before it begins"),
    ],
)
def test_impossible_schedules_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Schedules(plan(**changes))


def test_a_run_follows_its_schedule(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    sink = ListSink()
    schedule = SchedulePlan(key="optimizer.learning_rate", kind="linear", start=0.01, end=0.0)
    train(toy_plan(tmp_path, schedules=(schedule,)), sink, recall_env)
    rates = [record.values["train/learning_rate"] for record in sink.records]
    assert rates == pytest.approx([0.01, 0.01 * 2 / 3, 0.01 / 3])


def test_schedules_reach_the_optimizer_the_losses_and_what_they_discount_with(tmp_path: Path) -> None:
    """Each with one number from the first epoch on, by a schedule or by the plan: the same weights."""
    torch.set_num_threads(1)
    numbers = {"optimizer.weight_decay": 0.3, "optimizer.beta1": 0.5, "ppo.gamma": 0.5, "losses.gtd_lambda.coef": 0.7}
    ends = []
    for name, scheduled in (("scheduled", True), ("planned", False)):
        coef = 1.0 if scheduled else numbers["losses.gtd_lambda.coef"]
        changes: dict[str, Any] = {"losses": (LossTermPlan(name="gtd_lambda", coef=coef),)}
        if scheduled:
            changes["schedules"] = tuple(
                SchedulePlan(key=key, kind="linear", start=value, end=value) for key, value in numbers.items()
            )
        else:
            changes |= {"optimizer__weight_decay": 0.3, "optimizer__beta1": 0.5, "loss__gamma": 0.5}
        train(toy_plan(tmp_path / name, **changes), ListSink(), recall_env)
        ends.append(checkpoints.load(checkpoints.resolve(tmp_path / name)))
    scheduled_end, planned_end = ends
    assert all(torch.equal(tensor, planned_end.weights[key]) for key, tensor in scheduled_end.weights.items())


def weights_after(run_dir: Path, **loss: float) -> tuple[float, float]:
    """(norm of the weights, their distance from the start) after a few epochs."""
    from metta_puffer.native.trainer import NativeTrainer

    trainer = NativeTrainer(
        toy_plan(run_dir, **{f"loss__{name}": value for name, value in loss.items()}), ListSink(), recall_env
    )
    start = torch.cat([p.detach().flatten().clone() for p in trainer.policy.parameters()])
    trainer.run(lambda: False)
    trainer.close()
    end = torch.cat([p.detach().flatten() for p in trainer.policy.parameters()])
    return float(end.norm()), float((end - start).norm())


def test_weight_losses_pull_to_zero_or_to_the_start(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    norm, distance = weights_after(tmp_path / "free")
    smaller, further = weights_after(tmp_path / "l2", l2_reg_loss_coef=10.0)
    _, nearer = weights_after(tmp_path / "init", l2_init_loss_coef=10.0)
    assert smaller < 0.99 * norm and further > distance
    assert nearer < 0.5 * distance

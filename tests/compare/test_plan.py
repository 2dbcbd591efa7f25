"""What is compared and what differs is read from the plans."""

from pathlib import Path

import pytest

from compare.plan import Request, arithmetic, differences, plan_runs
from compare.rundir import plan_hash
from tests.compare.configs import write_configs
from tests.compare.plans import plan


def test_seeds_are_shared_and_come_in_pairs(tmp_path):
    _, puffer, _, native = write_configs(tmp_path)
    request = Request(Path(puffer), Path(native), seeds=2, budget=640, out=tmp_path / "out")
    runs = plan_runs(request)
    assert [run.run_id for run in runs] == ["puffer-seed0", "native-seed0", "puffer-seed1", "native-seed1"]
    for run in runs:
        assert run.plan.trainer == run.arm
        assert run.plan.seed == run.plan.env.seed == run.seed
        assert run.plan.batch.total_timesteps == 640
        assert run.dir == tmp_path / "out" / "runs" / run.run_id
    (published,) = {run.plan.env.engine for run in plan_runs(Request(**{**vars(request), "engine": "published"}))}
    assert published == "published"


def test_differences_name_every_value_that_differs_and_nothing_of_the_run():
    a = plan("puffer", seed=1, run_dir="here")
    assert differences(a, plan("puffer", seed=2, run_dir="there")) == []
    b = plan("native", seed=2)
    found = {difference.path: difference.values for difference in differences(a, b)}
    assert found == {"rules.reward_clamp": (1.0, None)}
    changed = b.model_copy(update={"loss": b.loss.model_copy(update={"gamma": 0.5}), "extra": {"compile_mode": "x"}})
    paths = {difference.path: difference.group for difference in differences(a, changed)}
    assert paths == {
        "rules.reward_clamp": "rules",
        "loss.gamma": "loss",
        "extra.compile_mode": "extra",
        "extra": "extra",
    }


def test_a_plans_hash_ignores_where_it_runs_and_nothing_else():
    assert plan_hash(plan(run_dir="a")) == plan_hash(plan(run_dir="b"))
    others = [plan(seed=1), plan("native"), plan(epochs=11), plan(extra=1)]
    assert len({plan_hash(plan()), *map(plan_hash, others)}) == 5


def test_arithmetic_shows_the_plans_sizes():
    sizes = arithmetic(plan())
    assert sizes["worlds"] == 2 and sizes["agents_per_world"] == 4 and sizes["total_agents"] == 8
    assert sizes["batch_size"] == 128 and sizes["segments"] == 8


def test_a_budget_of_gradient_updates_gives_each_arm_the_agent_steps_it_needs(tmp_path):
    _, puffer, _, native = write_configs(tmp_path)
    ini = tmp_path / "tiny.ini"
    ini.write_text(ini.read_text() + "update_epochs = 2\n")
    request = Request(Path(puffer), Path(native), 1, 9, tmp_path / "out", axis="gradient_updates")
    updates, agent_steps = {}, {}
    for run in plan_runs(request):
        batch = run.plan.batch
        updates[run.arm] = batch.total_epochs * batch.gradient_updates_per_epoch
        agent_steps[run.arm] = batch.total_timesteps
    assert updates == {"puffer": 12, "native": 10}  # the first whole rounds of 4 and of 2 updates that reach 9
    assert agent_steps == {"puffer": 96, "native": 160}


@pytest.mark.parametrize(
    ("axis", "budget", "marks", "seconds"),
    [
        ("wall_seconds", 60, 4, 15),  # one a mark
        ("wall_seconds", 7200, 4, 300),  # six a mark, so that little is lost
        ("wall_seconds", 100, 0, 100),
        ("agent_steps", 640, 4, 300),
    ],
)
def test_a_killed_run_loses_five_minutes_at_most(tmp_path, axis, budget, marks, seconds):
    _, puffer, _, native = write_configs(tmp_path)
    for run in plan_runs(Request(Path(puffer), Path(native), 1, budget, tmp_path / "out", axis=axis, marks=marks)):
        assert run.plan.checkpoint_interval_seconds == seconds
        in_epochs = run.plan.batch.total_epochs // (1 if axis == "wall_seconds" else marks)
        assert (
            run.plan.checkpoint_interval_epochs == in_epochs
        )  # in the one budget by time alone, in the other at marks
        older = run.plan.model_copy(update={"checkpoint_interval_seconds": None})
        assert plan_hash(older) == plan_hash(run.plan)  # a folder that an earlier version began can go on

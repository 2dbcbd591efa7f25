"""The ladder's mixtures lead from one plan to the other, one declared group at a time."""

import numpy as np
import pytest

from compare.ladder import GROUPS, OTHER, as_native, attribute, group_of, leaves, mix, plan_ladder, switched_settings
from metta_puffer.config.resolver import resolve_native, resolve_puffer
from metta_puffer.errors import UserError
from tests.compare.plans import run

SMALL = ("configs/puffer/arena-small.ini", "configs/native/arena-small.yaml")


@pytest.fixture
def pair():
    return resolve_puffer(SMALL[0], {}, run_dir="a"), resolve_native(SMALL[1], {}, run_dir="b")


def test_the_first_rung_has_the_puffer_arms_sizes_on_our_trainer(pair):
    puffer, native = pair
    start = as_native(puffer, native)
    assert start.trainer == "native" and start.rules == puffer.rules and start.batch == puffer.batch
    assert start.env.worlds == puffer.env.worlds and start.env.total_agents == puffer.env.total_agents
    assert start.env.groups == puffer.env.groups and start.env.agents_per_forward == puffer.env.agents_per_forward


def test_switching_every_group_gives_the_other_plan_and_none_gives_the_first(pair):
    puffer, native = pair
    start = as_native(puffer, native)
    groups = switched_settings(start, native)
    assert mix(start, native, frozenset()) == start
    assert leaves(mix(start, native, frozenset(groups))) == leaves(native)
    for group in groups:
        mixed, before, after = leaves(mix(start, native, frozenset({group}))), leaves(start), leaves(native)
        for path, value in mixed.items():
            assert value == (after if group_of(path) == group else before)[path]


def test_every_setting_belongs_to_a_group(pair):
    for path in leaves(pair[1]):
        assert group_of(path) in {*GROUPS.values(), OTHER}
    assert group_of("rules.reward_clamp") == "rewards" and group_of("rules.sampling") == "sampling and advantages"


def test_sizes_that_do_not_fit_are_named(pair):
    puffer, native = pair
    start = as_native(puffer, native)
    wider = native.model_copy(update={"env": native.env.model_copy(update={"envs": 10})})
    with pytest.raises(UserError, match="192 segments cannot be shared by 120 agents"):
        mix(start, wider, frozenset({"agents and worlds"}))


def test_runs_come_seed_by_seed_and_the_last_rung_is_the_native_arm(tmp_path):
    puffer, native = ([run(tmp_path, arm, seed) for seed in (0, 1)] for arm in ("puffer", "native"))
    ladder = plan_ladder(puffer, native, tmp_path)
    assert ladder.groups == ["agents and worlds", "rewards"]
    assert [one.run_id for one in ladder.runs] == [
        f"ladder-{name}-seed{seed}" for seed in (0, 1) for name in ("none", "agents-and-worlds", "rewards")
    ]
    assert [one.plan.seed for one in ladder.runs] == [0, 0, 0, 1, 1, 1]


def test_the_steps_lead_from_one_mean_to_the_other():
    rng = np.random.default_rng(0)
    groups = ["rewards", "policy"]
    rungs = {frozenset(): 2 + rng.normal(0, 0.1, 4), frozenset({"rewards"}): 3 + rng.normal(0, 0.1, 4),
             frozenset({"policy"}): 2 + rng.normal(0, 0.1, 4)}  # fmt: skip
    found = attribute(1 + rng.normal(0, 0.1, 4), 4 + rng.normal(0, 0.1, 4), rungs, groups)
    assert [step.group for step in found.steps] == ["trainer", *groups]
    assert found.start + sum(step.value for step in found.steps) == pytest.approx(found.end)
    assert [step.value for step in found.steps] == pytest.approx([1.0, 1.5, 0.5], abs=0.2)
    assert all(step.low < step.value < step.high for step in found.steps)

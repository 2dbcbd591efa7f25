"""An option given at its default is one left out."""

from dataclasses import replace

import pytest

from compare.defaults import written_out
from compare.ladder import as_native, switched_settings
from compare.plan import differences
from compare.results import read_results
from metta_puffer.config.plan import LossTermPlan
from metta_puffer.games import game_options
from metta_puffer.policies.registry import policy_options
from tests.compare.plans import plan, run


@pytest.fixture
def pair():
    return plan("puffer"), plan("native")


def with_options(of, game=None, policy=None):
    changed = {"env": of.env.model_copy(update={"game_options": game or {}})}
    return of.model_copy(update={**changed, "policy": of.policy.model_copy(update={"options": policy or {}})})


def test_options_at_their_defaults_are_no_difference_and_cost_no_group(pair):
    puffer, native = pair
    spelled = with_options(native, {**game_options("arena"), "desync_episodes": False}, policy_options("fast"))
    assert [d.path for d in differences(puffer, spelled)] == [d.path for d in differences(puffer, native)]
    start = as_native(puffer, native)
    assert switched_settings(start, spelled) == switched_settings(start, native)


def test_an_option_off_its_default_is_a_difference_by_its_resolved_values(pair):
    puffer, native = pair
    steps = game_options("arena")["max_steps"]
    other = with_options(native, {"max_steps": steps + 1})
    found = {d.path: d.values for d in differences(puffer, other)}
    assert found["env.game_options.max_steps"] == (steps, steps + 1)
    (switched,) = [
        s for s in switched_settings(as_native(puffer, native), other)["agents and worlds"] if "game" in s.path
    ]
    assert (switched.path, switched.puffer, switched.native) == ("env.game_options.max_steps", steps, steps + 1)


def test_options_of_a_loss_too(pair):
    plain, spelled = (
        pair[1].model_copy(update={"losses": (LossTermPlan(name="contrastive", options=options),)})
        for options in ({}, {"temperature": 0.19})
    )
    assert written_out(plain)[0].losses == written_out(spelled)[0].losses != plain.losses
    assert differences(plain, spelled) == []


def test_other_policies_are_compared_as_they_are(pair):
    native = pair[1]
    lstm = native.model_copy(update={"policy": native.policy.model_copy(update={"name": "lstm"})})
    assert {d.path for d in differences(native, lstm)} == {"policy.name"}


def test_where_checkpoints_go_is_no_group_of_settings(pair):
    puffer, native = pair
    start = as_native(puffer, native)
    kept = native.model_copy(update={"checkpoint_keep": 3, "checkpoint_on_failure": "stop"})
    assert switched_settings(start, kept) == switched_settings(start, native)


def test_settings_without_effect_on_learning_do_not_spoil_an_arm(tmp_path):
    first, second, third = (run(tmp_path, seed=seed) for seed in range(3))
    kept = {"checkpoint_interval_epochs": 7, "checkpoint_interval_seconds": 9.0, "extra": {"dashboard": True}}
    second = replace(second, plan=second.plan.model_copy(update=kept))
    third = replace(
        third, plan=third.plan.model_copy(update={"loss": third.plan.loss.model_copy(update={"gamma": 0.5})})
    )
    native = run(tmp_path, "native")
    found = [
        problem for problem in read_results([first, second, third, native], 0.0, {}).problems if "other" in problem
    ]
    assert found == ["puffer-seed2 has other settings than puffer-seed0: loss.gamma"]

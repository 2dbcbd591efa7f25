"""Attribution recovers known effects and interactions, and its intervals cover them."""

from itertools import combinations

import numpy as np
import pytest

from compare.shapley import mixtures, orders, shares

EFFECTS = {"worlds": 1.0, "batch": -0.5, "rewards": 2.0, "sampling": 0.0}
INTERACTIONS = {("worlds", "batch"): 0.8, ("rewards", "sampling"): -0.6}
# The Shapley value of a pairwise interaction is half of it for each of the two.
TRUTH = {"worlds": 1.4, "batch": -0.1, "rewards": 1.7, "sampling": -0.3}


def score(mixture):
    pairs = sum(value for pair, value in INTERACTIONS.items() if set(pair) <= mixture)
    return 3.0 + sum(EFFECTS.get(name, 0.0) for name in mixture) + pairs


def measured(groups, seeds, noise, rng):
    return {mixture: score(mixture) + rng.normal(0, noise, seeds) for mixture in mixtures(groups)}


def test_without_noise_the_effects_are_exact():
    found = shares(measured(list(EFFECTS), 2, 0.0, np.random.default_rng(0)), list(EFFECTS))
    assert {share.group: pytest.approx(share.value) for share in found} == TRUTH
    assert all(share.low == pytest.approx(share.high) for share in found)


def test_the_shares_add_up_to_the_whole_difference():
    scores = measured(list(EFFECTS), 3, 1.0, np.random.default_rng(1))
    whole = scores[frozenset(EFFECTS)].mean() - scores[frozenset()].mean()
    assert sum(share.value for share in shares(scores, list(EFFECTS))) == pytest.approx(whole)


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(2)
    covered = [
        share.low <= TRUTH[share.group] <= share.high
        for _ in range(250)
        for share in shares(measured(list(EFFECTS), 3, 0.5, rng), list(EFFECTS))
    ]
    assert np.mean(covered) > 0.93


def test_many_groups_are_walked_in_drawn_orders():
    groups = [*EFFECTS, "policy", "optimizer", "memory"]
    assert len(mixtures(groups)) < 2 ** len(groups)
    assert orders(groups, seed=1) == orders(groups, seed=1) != orders(groups, seed=2)
    found = shares(measured(groups, 5, 0.05, np.random.default_rng(3)), groups)
    assert sum(share.value for share in found) == pytest.approx(score(frozenset(groups)) - score(frozenset()), abs=0.2)
    # An order and its reverse together share every pairwise interaction equally: drawing loses nothing here.
    for share in found:
        assert share.low - 0.05 <= TRUTH.get(share.group, 0.0) <= share.high + 0.05


def test_one_seed_gives_a_value_and_no_interval():
    found = shares(measured(["worlds", "batch"], 1, 0.0, np.random.default_rng(4)), ["worlds", "batch"])
    assert all(np.isnan(share.low) and np.isfinite(share.value) for share in found)


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_few_groups_pass_through_every_mixture(count):
    groups = [f"group{index}" for index in range(count)]
    every = {frozenset(chosen) for size in range(count + 1) for chosen in combinations(groups, size)}
    assert set(mixtures(groups)) == every and len(mixtures(groups)) == 2**count


def test_a_group_that_changes_no_run_has_no_effect_without_doubt():
    rng = np.random.default_rng(0)
    base, other = rng.normal(size=(2, 5))
    scores = {
        frozenset(): base,
        frozenset({"idle"}): base.copy(),
        frozenset({"real"}): other,
        frozenset({"idle", "real"}): other.copy(),
    }
    idle, real = shares(scores, ["idle", "real"])
    assert (idle.value, idle.low, idle.high) == (0, 0, 0)
    assert real.value == pytest.approx(other.mean() - base.mean()) and real.low < real.value < real.high

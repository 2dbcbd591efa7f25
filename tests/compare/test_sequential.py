"""Stopping early stays honest: equal arms are told apart at most as often as promised, however often one looks."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.verdicts import SHAPES
from compare.sequential import first_decision, looks
from compare.statistics import compare_arms

COMPARISONS = 1_000


@pytest.mark.parametrize("most", [3, 5, 6, 10, 20, 100])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_looks_share_the_error_and_end_at_the_last_seed(most, confidence):
    planned = looks(most, confidence)
    assert sum(look.alpha for look in planned) == pytest.approx(1 - confidence)
    assert planned[-1].seeds == most
    counts = [look.seeds for look in planned]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_arms_are_told_apart_at_most_as_often_as_promised(shape):
    rng = np.random.default_rng([20, *shape.encode()])
    arms = [np.array([SHAPES[shape](rng, 20) for _ in range(COMPARISONS)])[:, :, None] for _ in range(2)]
    wrong = sum(first_decision(a, b)[1].decision != "undecided" for a, b in zip(*arms, strict=True))
    assert wrong <= stats.binom.ppf(0.999, COMPARISONS, 0.05)


def test_looking_after_every_seed_at_the_full_error_would_be_wrong_far_more_often():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        a, b = rng.normal(size=(2, 20, 1))
        wrong += any(compare_arms(a[:n], b[:n]).decision != "undecided" for n in range(3, 21))
    assert wrong / 300 > 0.12


def test_a_clear_difference_stops_early_and_a_small_one_costs_little_power():
    rng = np.random.default_rng(1)
    stopped = [first_decision(rng.normal(size=(20, 1)), rng.normal(4, size=(20, 1))) for _ in range(100)]
    assert np.mean([look.seeds for look, _ in stopped]) < 7
    assert all(verdict.decision == "b" for _, verdict in stopped)
    found = [first_decision(rng.normal(size=(20, 1)), rng.normal(1, size=(20, 1)))[1].decision for _ in range(300)]
    assert found.count("b") / 300 > 0.75  # 0.88 with one look at 20 seeds

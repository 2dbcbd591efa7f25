"""The verdict holds its promises: false alarms, coverage and power by simulation, numbers by hand and by scipy."""

import math
import re

import numpy as np
import pytest
from rliable import metrics
from scipy import stats

from benchmarks.verdicts import COMPARISONS, PAGE, SEEDS, SHAPES, false_alarms
from compare.statistics import (
    Estimate,
    area_under_curve,
    compare_arms,
    detectable_effect,
    final_scores,
    interquartile_mean,
    permutation_p,
    probability_of_improvement,
    seeds_needed,
    welch,
)


def most_allowed(rate: float) -> int:
    """So many of COMPARISONS are exceeded by chance once in a thousand when the true rate is `rate`."""
    return int(stats.binom.ppf(0.999, COMPARISONS, rate))


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equal_arms_are_told_apart_at_most_as_often_as_promised(shape, seeds):
    found = false_alarms(shape, seeds)
    allowed = most_allowed(0.05) / COMPARISONS
    assert found.decided <= allowed
    assert found.difference_missed <= allowed
    assert found.probability_missed <= allowed
    # The page shows these very numbers: the simulation is seeded.
    row = re.findall(rf"^\| {re.escape(shape)} \|(.*)\|$", PAGE.read_text(), flags=re.MULTILINE)[0]
    assert row.split("|")[SEEDS.index(seeds)].strip() == f"{100 * found.decided:.1f} %"


def test_a_coin_tossed_by_each_run_fools_nobody():
    rng = np.random.default_rng(0)
    for seeds in (2, 3, 4):
        tosses = rng.integers(0, 2, (2, COMPARISONS, seeds)).astype(float)
        wrong = sum(compare_arms(a[:, None], b[:, None]).decision != "undecided" for a, b in zip(*tosses, strict=True))
        assert wrong <= most_allowed(0.05), seeds


@pytest.mark.parametrize("seeds", SEEDS)
def test_a_planted_effect_is_found_at_the_announced_power_and_in_the_right_direction(seeds):
    rng = np.random.default_rng(seeds)
    effect = detectable_effect(seeds, seeds, 0.05)
    comparisons = 600
    decisions = [
        compare_arms(rng.normal(size=(seeds, 1)), rng.normal(effect, size=(seeds, 1))).decision
        for _ in range(comparisons)
    ]
    # Welch and the permutation test give away a little of the t test's 80 %, most at 3 seeds.
    assert 0.65 < decisions.count("b") / comparisons < 0.85
    assert decisions.count("a") == 0


def test_coverage_of_a_shifted_arm():
    rng = np.random.default_rng(5)
    for shape, draw in SHAPES.items():
        covered = 0
        for _ in range(COMPARISONS // 4):
            _, estimate = welch(draw(rng, 5), draw(rng, 5) + 3.0, 0.95)
            covered += estimate.low <= 3.0 <= estimate.high
        assert covered >= COMPARISONS // 4 * 0.95 - 4 * math.sqrt(COMPARISONS / 4 * 0.05), shape


def test_known_numbers_by_hand():
    a = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
    b = np.array([[0.0, 11.0], [0.0, 12.0], [0.0, 13.0]])
    verdict = compare_arms(a, b)
    assert verdict.decision == "b" and verdict.complete
    assert verdict.mean == (2.0, 12.0) and verdict.standard_deviation == (1.0, 1.0)
    assert verdict.difference.value == 10.0
    # t with 4 degrees of freedom times sqrt(1/3 + 1/3).
    assert verdict.difference.high - 10.0 == pytest.approx(2.776445 * math.sqrt(2 / 3), abs=1e-5)
    assert verdict.area_difference.value == 5.0
    assert verdict.probability_of_improvement.value == 1.0 and verdict.probability_of_improvement.high == 1.0
    assert compare_arms(b, a).decision == "a"


def test_agrees_with_scipy():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=7), rng.normal(0.5, 2, size=5)
    p, estimate = welch(a, b, 0.9)
    reference = stats.ttest_ind(b, a, equal_var=False)
    assert p == pytest.approx(reference.pvalue)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(reference.confidence_interval(0.9)))
    for count in range(1, 12):
        scores = rng.normal(size=count)
        assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25))
    statistic = stats.mannwhitneyu(b, a).statistic
    assert probability_of_improvement(a, b, 0.95).value == pytest.approx(statistic / (len(a) * len(b)))


def test_agrees_with_rliable():
    rng = np.random.default_rng(6)
    for count in range(1, 12):
        a, b = rng.normal(size=count), rng.normal(0.3, size=8).round(1)
        a = a.round(1)  # ties
        assert interquartile_mean(a) == pytest.approx(metrics.aggregate_iqm(a[:, None]))
        expected = metrics.probability_of_improvement(b[:, None], a[:, None])
        assert probability_of_improvement(a, b, 0.95).value == pytest.approx(expected)


def test_the_permutation_test_is_exact_for_few_runs_and_close_for_many():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=4), rng.normal(1, size=5)

    def squared_t(x, y, axis):
        difference = y.mean(axis=axis) - x.mean(axis=axis)
        return difference**2 / (x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis])

    reference = stats.permutation_test((a, b), squared_t, alternative="greater", n_resamples=np.inf, vectorized=True)
    assert permutation_p(a, b, seed=0) == pytest.approx(reference.pvalue)
    a, b = rng.normal(size=12), rng.normal(0.7, size=12)
    drawn = stats.permutation_test(
        (a, b), squared_t, alternative="greater", n_resamples=20_000, vectorized=True, rng=np.random.default_rng(0)
    )
    assert permutation_p(a, b, seed=0) == pytest.approx(drawn.pvalue, abs=0.01)


def test_all_randomness_comes_from_the_seed():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(12, 4)), rng.normal(1.2, size=(12, 4))
    before = np.random.get_state()[1].copy()
    assert compare_arms(a, b, seed=1) == compare_arms(a, b, seed=1)
    first, second = (compare_arms(a, b, seed=seed).p_permutation for seed in (1, 2))
    assert first != second
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_a_failed_seed_makes_it_incomplete_and_decides_nothing(hole):
    a, b = np.zeros((5, 3)) + np.arange(5)[:, None] / 10, np.ones((5, 3)) * 9 + np.arange(5)[:, None] / 10
    assert compare_arms(a, b).decision == "b"
    b[2, 1] = hole
    verdict = compare_arms(a, b)
    assert not verdict.complete and verdict.decision == "undecided" and verdict.usable == (5, 4)
    assert verdict.sentence("puffer", "native").startswith("Incomplete: 0 of 5 planned runs of puffer and 1 of 5")
    assert verdict.difference.value == pytest.approx(9.0, abs=0.1)


@pytest.mark.parametrize("seeds", [0, 1, 2])
def test_too_few_seeds_say_so_instead_of_deciding(seeds):
    rng = np.random.default_rng(0)
    verdict = compare_arms(rng.normal(size=(seeds, 4)), rng.normal(100, size=(seeds, 4)))
    assert verdict.decision == "undecided" and verdict.complete == (seeds > 0)
    assert math.isinf(verdict.detectable_difference) or math.isnan(verdict.detectable_difference)
    assert verdict.sentence()


def test_identical_runs_in_each_arm():
    same, other = np.zeros((4, 2)), np.ones((4, 2))
    assert compare_arms(same, same).decision == "undecided"
    assert compare_arms(same, other).decision == "b"
    assert compare_arms(same, other).difference == Estimate(1.0, 1.0, 1.0)


def test_the_stricter_the_confidence_the_wider_and_the_later():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(3, 1)), rng.normal(50, size=(3, 1))
    assert compare_arms(a, b, confidence=0.95).decision == "b"
    strict = compare_arms(a, b, confidence=0.99)
    assert strict.decision == "undecided" and strict.seeds_to_decide == 4
    assert strict.difference.high > compare_arms(a, b, confidence=0.95).difference.high


def test_detectable_effects_are_the_textbooks():
    # Cohen's tables by way of the noncentral t distribution: 3, 5, 10, 20 an arm at 5 % and 80 %.
    found = [detectable_effect(seeds, seeds, 0.05) for seeds in SEEDS]
    assert found == pytest.approx([3.07, 2.02, 1.33, 0.91], abs=0.01)
    assert seeds_needed(0.91, 1.0, 0.05) == 20
    assert seeds_needed(0.5, 1.0, 0.05) == 64  # Cohen's medium effect
    assert seeds_needed(1e-6, 1.0, 0.05) is None
    assert seeds_needed(1e6, 1.0, 0.05) == 3


def test_final_score_and_area():
    curve = np.arange(20.0)[None]
    assert final_scores(curve) == [18.5]
    assert final_scores(curve[:, :5]) == [4.0]
    assert area_under_curve(curve) == [9.5]
    assert area_under_curve(curve[:, :1]) == [0.0]


@pytest.mark.parametrize(
    ("a", "b", "options"),
    [
        (np.zeros(3), np.zeros(3), {}),
        (np.zeros((3, 2)), np.zeros((3, 4)), {}),
        (np.zeros((3, 0)), np.zeros((3, 0)), {}),
        (np.zeros((3, 2)), np.zeros((3, 2)), {"confidence": 95}),
    ],
)
def test_unusable_arrays_are_refused(a, b, options):
    with pytest.raises(ValueError, match=r"wanted two arrays|confidence"):
        compare_arms(a, b, **options)

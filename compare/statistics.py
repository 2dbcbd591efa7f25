"""Is one arm better than the other, by how much, and how sure is that?

The claim is fixed before looking: the final score, a mean over the last tenth of the curve. A decision needs two
tests to agree at the wanted confidence:

* Welch's t test, whose interval is the one reported: right for few, roughly normal seeds (a percentile bootstrap of
  3 seeds covers 74 % where it says 95 %);
* a permutation test of the same statistic, which holds its error whatever the shape of the scores (Janssen 1997,
  "Studentized permutation tests for non-i.i.d. hypotheses"). Three seeds an arm have too few permutations to reject
  anything at 95 %; there Welch's test stands alone.

And it needs enough seeds that pure luck cannot separate the arms: if every run succeeded or failed by the toss of a
coin, one arm would succeed throughout and the other fail throughout with probability 2^(1 - seeds of both).
docs/statistics.md shows by simulation what these rules achieve. All randomness comes from `seed`.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

FINAL_SHARE = 0.1  # of the curve, at its end, that makes the final score
POWER = 0.8  # chance of seeing a difference that `detectable_difference` and `seeds_needed` are computed for
MIN_SEEDS = 3  # an arm, for any decision
MAX_EXACT_PERMUTATIONS = 10_000  # above, as many are drawn
MAX_SEEDS_NEEDED = 10_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with its interval at the verdict's confidence; NaN where there are too few seeds for one."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """What the runs say. Differences are b minus a, in units of score; counts are seeds."""

    decision: Literal["a", "b", "undecided"]  # the arm whose final score is higher, where that is shown
    complete: bool  # every planned seed of both arms gave a curve of finite scores
    confidence: float
    planned: tuple[int, int]
    usable: tuple[int, int]
    mean: tuple[float, float]  # final scores
    standard_deviation: tuple[float, float]  # of single runs, n - 1
    interquartile_mean: tuple[float, float]
    difference: Estimate  # of mean final scores
    area_difference: Estimate  # of mean scores over the whole curve
    probability_of_improvement: Estimate  # that a run of b ends above a run of a, ties half
    p_welch: float
    p_permutation: float | None  # None where Welch's test has settled it, or too few permutations exist
    detectable_difference: float  # the smallest true difference that this many seeds show 4 times in 5
    seeds_needed: int | None  # an arm, to show the seen difference 4 times in 5; None beyond MAX_SEEDS_NEEDED
    seeds_to_decide: int  # an arm, below which nothing is ever decided

    def sentence(self, a: str = "a", b: str = "b") -> str:
        """The verdict in words, with its uncertainty."""
        percent = f"{100 * self.confidence:g} %"
        counts = f"{self.usable[0]} seeds of {a} and {self.usable[1]} of {b}"
        if math.isnan(self.difference.low):
            seen = f"{b} minus {a} cannot be given an interval with {counts}"
        else:
            seen = (
                f"{b} minus {a} is {self.difference.value:+.3g} in final score "
                f"({percent} interval {self.difference.low:+.3g} to {self.difference.high:+.3g}; {counts})"
            )
        if not self.complete:
            missing = self.planned[0] - self.usable[0], self.planned[1] - self.usable[1]
            return (
                f"Incomplete: {missing[0]} of {self.planned[0]} planned runs of {a} and {missing[1]} of "
                f"{self.planned[1]} of {b} gave no full curve, so there is no verdict. So far {seen}."
            )
        if self.decision != "undecided":
            better, worse = (a, b) if self.decision == "a" else (b, a)
            return f"{better} ends higher than {worse}: {seen}."
        return f"Undecided: {seen}. {self._what_it_would_take()}"

    def _what_it_would_take(self) -> str:
        if min(self.usable) < self.seeds_to_decide:
            start = f"Fewer than {self.seeds_to_decide} seeds an arm never decide here"
        else:
            start = f"This many seeds show only differences of about {self.detectable_difference:.3g} or more"
        if math.isnan(self.difference.low):
            return f"{start}."
        if self.seeds_needed is None:
            return f"{start}; the difference seen is too small to be shown by {MAX_SEEDS_NEEDED:,} seeds an arm."
        return (
            f"{start}; if the difference seen is the true one, about {self.seeds_needed} seeds an arm are needed "
            "to show it (itself a rough guess from few runs)."
        )


def compare_arms(a: npt.ArrayLike, b: npt.ArrayLike, *, confidence: float = 0.95, seed: int = 0) -> Verdict:
    """Compare two arms by their curves, float [seeds, points], on one common grid of points.

    A row holding NaN or an infinity is a failed or missing seed: it makes the verdict incomplete and `decision`
    "undecided", and the numbers describe the remaining rows. Raises ValueError for arrays of another shape.
    """
    curves = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if any(curve.ndim != 2 for curve in curves) or curves[0].shape[1] != curves[1].shape[1] or not curves[0].shape[1]:
        raise ValueError(
            f"wanted two arrays [seeds, points] with equal points, got {curves[0].shape}, {curves[1].shape}"
        )
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence must lie between 0.5 and 1, got {confidence}")
    alpha = 1 - confidence
    left, right = (curve[np.isfinite(curve).all(axis=1)] for curve in curves)
    planned = len(curves[0]), len(curves[1])
    usable = len(left), len(right)
    complete = planned == usable and min(planned) > 0
    final_a, final_b = final_scores(left), final_scores(right)
    p_welch, difference = welch(final_a, final_b, confidence)
    p_permutation = None
    decided = complete and min(usable) >= MIN_SEEDS and 2.0 ** (1 - sum(usable)) <= alpha and p_welch <= alpha
    if decided and fewest_p(*usable) <= alpha:
        p_permutation = permutation_p(final_a, final_b, seed=seed)
        decided = p_permutation <= alpha
    spread = pooled_standard_deviation(final_a, final_b)
    return Verdict(
        decision="undecided" if not decided else "b" if difference.value > 0 else "a",
        complete=complete,
        confidence=confidence,
        planned=planned,
        usable=usable,
        mean=(_mean(final_a), _mean(final_b)),
        standard_deviation=(_standard_deviation(final_a), _standard_deviation(final_b)),
        interquartile_mean=(interquartile_mean(final_a), interquartile_mean(final_b)),
        difference=difference,
        area_difference=welch(area_under_curve(left), area_under_curve(right), confidence)[1],
        probability_of_improvement=probability_of_improvement(final_a, final_b, confidence),
        p_welch=p_welch,
        p_permutation=p_permutation,
        detectable_difference=detectable_effect(*usable, alpha) * spread,
        seeds_needed=seeds_needed(abs(difference.value), spread, alpha),
        seeds_to_decide=seeds_to_decide(alpha),
    )


def final_scores(curves: Floats) -> Floats:
    """[seeds, points] -> [seeds]: the mean of the last tenth of the points, at least one."""
    return curves[:, -math.ceil(FINAL_SHARE * curves.shape[1]) :].mean(axis=1)


def area_under_curve(curves: Floats) -> Floats:
    """[seeds, points] -> [seeds]: the mean height of each curve by the trapezoidal rule, in units of score."""
    if curves.shape[1] == 1:
        return curves[:, 0]
    return np.trapezoid(curves, axis=1) / (curves.shape[1] - 1)


def _mean(scores: Floats) -> float:
    return float(scores.mean()) if len(scores) else math.nan


def _standard_deviation(scores: Floats) -> float:
    return float(scores.std(ddof=1)) if len(scores) > 1 else math.nan


def interquartile_mean(scores: Floats) -> float:
    """Mean without the lowest and highest quarter; with 3 seeds or fewer nothing is cut and it is the mean."""
    cut = len(scores) // 4
    return _mean(np.sort(scores)[cut : len(scores) - cut])


def pooled_standard_deviation(a: Floats, b: Floats) -> float:
    if min(len(a), len(b)) < 2:
        return math.nan
    return math.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2))


def welch(a: Floats, b: Floats, confidence: float) -> tuple[float, Estimate]:
    """Two-sided p of equal means, and mean(b) - mean(a) with its interval (Welch 1947)."""
    if min(len(a), len(b)) < 2:
        return math.nan, Estimate(_mean(b) - _mean(a), math.nan, math.nan)
    value = float(b.mean() - a.mean())
    parts = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = math.sqrt(sum(parts))
    if error <= 1e-12 * max(abs(a).max(), abs(b).max()):  # rounding apart, every run of an arm gave the same
        return (0.0 if value else 1.0), Estimate(value, value, value)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    reach = float(special.stdtrit(freedom, (1 + confidence) / 2)) * error
    return float(2 * special.stdtr(freedom, -abs(value) / error)), Estimate(value, value - reach, value + reach)


def fewest_p(seeds_a: int, seeds_b: int) -> float:
    """The smallest p that a two-sided permutation test of this many seeds can give."""
    return (2 if seeds_a == seeds_b else 1) / math.comb(seeds_a + seeds_b, seeds_a)


def permutation_p(a: Floats, b: Floats, *, seed: int) -> float:
    """Two-sided p of Welch's statistic under exchange of runs between the arms.

    Exact over all ways to deal the runs out, or over MAX_EXACT_PERMUTATIONS drawn ones, the observed one among them.
    """
    pooled = np.concatenate([a, b])
    pooled = (pooled - pooled.mean()) / (np.ptp(pooled) or 1.0)
    statistic = _squared_welch(pooled, _deals(len(a), len(b), seed), len(a))
    # Equal up to rounding is equal: ties count against the difference.
    return float(np.mean(statistic >= statistic[0] * (1 - 1e-9)))


@lru_cache(maxsize=16)
def _deals(seeds_a: int, seeds_b: int, seed: int) -> Floats:
    """float [deals, seeds of both]: 1 where a run is dealt to a. The first deal is the observed one."""
    total = seeds_a + seeds_b
    if math.comb(total, seeds_a) <= MAX_EXACT_PERMUTATIONS:
        chosen = np.array(list(combinations(range(total), seeds_a)))
        deals = np.zeros((len(chosen), total))
        np.put_along_axis(deals, chosen, 1.0, axis=1)
        return deals
    observed = np.repeat([1.0, 0.0], [seeds_a, seeds_b])
    deals = np.tile(observed, (MAX_EXACT_PERMUTATIONS, 1))
    deals[1:] = np.random.default_rng(seed).permuted(deals[1:], axis=1)
    return deals


def _squared_welch(pooled: Floats, deals: Floats, seeds_a: int) -> Floats:
    """Welch's statistic squared, [deals]; infinite where both groups are constant and differ."""
    seeds_b = len(pooled) - seeds_a
    sum_a, square_a = deals @ pooled, deals @ pooled**2
    sum_b, square_b = pooled.sum() - sum_a, (pooled**2).sum() - square_a
    difference = sum_b / seeds_b - sum_a / seeds_a
    variance_a = np.maximum(square_a - sum_a**2 / seeds_a, 0) / (seeds_a - 1)
    variance_b = np.maximum(square_b - sum_b**2 / seeds_b, 0) / (seeds_b - 1)
    error = variance_a / seeds_a + variance_b / seeds_b
    # `pooled` spans 1: anything this small is rounding.
    constant = error < 1e-14
    statistic = difference**2 / np.where(constant, 1.0, error)
    return np.where(constant, np.where(difference**2 < 1e-14, 0.0, np.inf), statistic)


def probability_of_improvement(a: Floats, b: Floats, confidence: float) -> Estimate:
    """P(run of b > run of a) + P(equal) / 2, with the interval of Newcombe's (2006) method 5.

    The interval holds the values that differ from the seen one by less than a quantile of the standard error that
    *they* imply, so it is honest where one arm wins every pair and the plug-in error would be nought. The quantile
    is Student's instead of Newcombe's normal one, which at 3 seeds misses a tenth of the time.
    """
    if not min(len(a), len(b)):
        return Estimate(math.nan, math.nan, math.nan)
    halves = int(np.sum(2 * (b[:, None] > a)) + np.sum(b[:, None] == a))
    return _probability_interval(halves, len(a), len(b), confidence)


@lru_cache(maxsize=4096)
def _probability_interval(halves: int, seeds_a: int, seeds_b: int, confidence: float) -> Estimate:
    seen = halves / (2 * seeds_a * seeds_b)
    middle = (seeds_a + seeds_b) / 2 - 1
    if seeds_a + seeds_b < 3:
        return Estimate(seen, 0.0, 1.0)
    quantile = float(special.stdtrit(seeds_a + seeds_b - 2, (1 + confidence) / 2))

    def outside(theta: float) -> float:
        spread = 1 + middle * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (theta - seen) ** 2 - quantile**2 * theta * (1 - theta) * spread / (seeds_a * seeds_b)

    # At 0 and 1 the implied error is nought, a root of its own: search beside what was seen, not from it.
    low = 0.0 if seen == 0 else float(optimize.brentq(outside, 0.0, seen - 1e-9))
    high = 1.0 if seen == 1 else float(optimize.brentq(outside, seen + 1e-9, 1.0))
    return Estimate(seen, low, high)


@lru_cache(maxsize=4096)
def detectable_effect(seeds_a: int, seeds_b: int, alpha: float) -> float:
    """The smallest true difference, in standard deviations, that a t test rejects `POWER` of the time.

    Infinite below the number of seeds that can decide at all. 3.1 for 3 seeds an arm, 0.91 for 20, at 95 %.
    """
    if min(seeds_a, seeds_b) < MIN_SEEDS or 2.0 ** (1 - seeds_a - seeds_b) > alpha:
        return math.inf
    freedom = seeds_a + seeds_b - 2
    limit = float(special.stdtrit(freedom, 1 - alpha / 2))
    scale = math.sqrt(1 / seeds_a + 1 / seeds_b)

    def missing_power(effect: float) -> float:
        return POWER - 1 + float(special.nctdtr(freedom, effect / scale, limit))

    return float(optimize.brentq(missing_power, 0.0, (2 * limit + 2) * scale))


def seeds_to_decide(alpha: float) -> int:
    seeds = MIN_SEEDS
    while 2.0 ** (1 - 2 * seeds) > alpha:
        seeds += 1
    return seeds


def seeds_needed(difference: float, spread: float, alpha: float) -> int | None:
    """Seeds an arm to show a true `difference` of runs with standard deviation `spread` with probability `POWER`."""
    if not spread > 0 or not math.isfinite(difference):
        return seeds_to_decide(alpha) if difference > 0 and spread == 0 else None
    low, high = seeds_to_decide(alpha), MAX_SEEDS_NEEDED
    if detectable_effect(high, high, alpha) > difference / spread:
        return None
    while low < high:
        middle = (low + high) // 2
        if detectable_effect(middle, middle, alpha) <= difference / spread:
            high = middle
        else:
            low = middle + 1
    return low

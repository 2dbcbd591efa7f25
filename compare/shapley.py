"""Who made the difference, fairly shared out: Shapley values over groups of settings, with intervals.

The value of a group is its mean effect over all orders in which the groups can be switched (Shapley 1953). It is
linear in the mean scores of the mixtures that were run, so its standard error follows from theirs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
from scipy import special

Mixture = frozenset[str]  # the groups whose settings are the second arm's
MAX_EXACT_GROUPS = 5  # 32 mixtures; above, orders are drawn
DRAWN_ORDERS = 8


@dataclass(frozen=True)
class Share:
    """What one group adds to the score, with its interval; NaN where a mixture has fewer than 2 seeds."""

    group: str
    value: float
    low: float
    high: float


def orders(groups: Sequence[str], seed: int = 0) -> list[tuple[str, ...]]:
    """All orders of few groups; of many, drawn pairs of an order and its reverse, which share the interactions well."""
    if len(groups) <= MAX_EXACT_GROUPS:
        return list(permutations(groups))
    rng = np.random.default_rng(seed)
    drawn = [tuple(groups[index] for index in rng.permutation(len(groups))) for _ in range(DRAWN_ORDERS // 2)]
    return [order for one in drawn for order in (one, one[::-1])]


def mixtures(groups: Sequence[str], seed: int = 0) -> list[Mixture]:
    """Every mixture that the orders pass through, the smaller first; the empty and the full one among them."""
    if len(groups) <= MAX_EXACT_GROUPS:
        return [frozenset(chosen) for size in range(len(groups) + 1) for chosen in combinations(groups, size)]
    passed = {frozenset(order[:size]) for order in orders(groups, seed) for size in range(len(groups) + 1)}
    return sorted(passed, key=lambda mixture: (len(mixture), sorted(mixture)))


def shares(
    scores: Mapping[Mixture, npt.NDArray[np.float64]],
    groups: Sequence[str],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Share]:
    """The share of each group in mean(all switched) - mean(none switched); the shares add up to it.

    `scores` holds the final scores, [seeds], of every mixture in `mixtures(groups, seed)`; KeyError for a missing one.
    The interval covers the noise of the seeds and, where orders are drawn, that of the draw. A group whose mixtures
    score the same with it and without it, seed by seed, has a share of 0 without any doubt.
    """
    walked = orders(groups, seed)
    result = []
    for group in groups:
        weights: dict[Mixture, float] = {}
        effects, same = [], True
        for order in walked:
            before = frozenset(order[: order.index(group)])
            after = before | {group}
            weights[after] = weights.get(after, 0.0) + 1 / len(walked)
            weights[before] = weights.get(before, 0.0) - 1 / len(walked)
            effects.append(float(scores[after].mean() - scores[before].mean()))
            same = same and np.array_equal(scores[after], scores[before])
        if same and len(scores[frozenset()]) > 1:
            result.append(Share(group, 0.0, 0.0, 0.0))
            continue
        of_draw = 0.0 if len(groups) <= MAX_EXACT_GROUPS else float(np.var(effects, ddof=1)) / len(walked)
        value = float(np.mean(effects))
        reach = linear_reach([(weight, scores[mixture]) for mixture, weight in weights.items()], of_draw, confidence)
        result.append(Share(group, value, value - reach, value + reach))
    return result


def linear_reach(
    parts: Sequence[tuple[float, npt.NDArray[np.float64]]], extra_variance: float, confidence: float
) -> float:
    """Half the width of the interval of a weighted sum of means (Satterthwaite 1946); NaN with fewer than 2 seeds."""
    if any(len(scores) < 2 for _, scores in parts):
        return math.nan
    variances = [weight**2 * float(scores.var(ddof=1)) / len(scores) for weight, scores in parts]
    total = sum(variances)
    if total + extra_variance == 0:
        return 0.0
    spent = sum(variance**2 / (len(scores) - 1) for variance, (_, scores) in zip(variances, parts, strict=True))
    freedom = total**2 / spent if spent else math.inf
    quantile = (
        special.ndtri((1 + confidence) / 2) if math.isinf(freedom) else special.stdtrit(freedom, (1 + confidence) / 2)
    )
    return float(quantile) * math.sqrt(total + extra_variance)

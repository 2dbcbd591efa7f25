"""Looking at the runs while they come in, without being fooled by looking often.

The error of the whole comparison is shared out beforehand over a few looks, at numbers of seeds that grow by about
two fifths; the last look keeps half of it. However the looks hang together, the chance that any of them is wrong is
at most the sum of their shares. Testing after every seed at the full 5 % would be wrong about one time in five.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy.typing as npt

from compare import rundir
from compare.curves import Axis
from compare.results import read_results
from compare.rundir import Run
from compare.statistics import Verdict, compare_arms

FIRST_LOOK = 5  # seeds an arm: fewer can hardly decide at a share of the error
GROWTH = 1.4


@dataclass(frozen=True)
class Look:
    seeds: int  # an arm
    alpha: float  # error allowed at this look

    @property
    def confidence(self) -> float:
        return 1 - self.alpha


def looks(max_seeds: int, confidence: float = 0.95) -> list[Look]:
    """When to look, and how strictly, on the way to `max_seeds` an arm. The shares add up to 1 - confidence."""
    alpha = 1 - confidence
    counts: list[int] = []
    seeds = FIRST_LOOK
    while seeds < max_seeds:
        counts.append(seeds)
        seeds = max(seeds + 1, round(seeds * GROWTH))
    if not counts:
        return [Look(max_seeds, alpha)]
    return [*(Look(count, alpha / 2 / len(counts)) for count in counts), Look(max_seeds, alpha / 2)]


def first_decision(
    a: npt.NDArray, b: npt.NDArray, *, confidence: float = 0.95, seed: int = 0
) -> tuple[Look, Verdict]:  # fmt: skip
    """The first look at [seeds, points] of both arms that decides, else the last, with its verdict."""
    planned = looks(min(len(a), len(b)), confidence)
    for look in planned:
        verdict = compare_arms(a[: look.seeds], b[: look.seeds], confidence=look.confidence, seed=seed)
        if verdict.decision != "undecided":
            break
    return look, verdict


class EarlyStop:
    """Watches the runs of two arms; `look` is the one that the comparison ends with."""

    def __init__(self, runs: Sequence[Run], axis: Axis, confidence: float = 0.95) -> None:
        self._runs, self._axis = runs, axis
        self._waiting = looks(1 + max(run.seed for run in runs), confidence)
        self.look = self._waiting[-1]

    def enough(self) -> bool:
        """Take the looks that have become possible. True once one has decided."""
        while len(self._waiting) > 1:
            look = self._waiting[0]
            seen = self.within(look)
            if any(rundir.status(run) != "finished" for run in seen):
                return False
            del self._waiting[0]
            if (
                read_results(seen, None, {}, confidence=look.confidence, axis=self._axis).verdict.decision
                != "undecided"
            ):
                self.look, self._waiting = look, []
        return not self._waiting

    def within(self, look: Look) -> list[Run]:
        return [run for run in self._runs if run.seed < look.seeds]

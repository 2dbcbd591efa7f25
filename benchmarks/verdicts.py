"""What the verdict's rules achieve on synthetic runs, as the tables of docs/statistics.md.

`python -m benchmarks.verdicts` prints the tables; with `--write` it puts them into the page. Takes about two minutes.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from compare.sequential import first_decision
from compare.statistics import Verdict, compare_arms, detectable_effect

PAGE = Path(__file__).resolve().parent.parent / "docs" / "statistics.md"
COMPARISONS = 2_000
SEEDS = (3, 5, 10, 20)
EFFECTS = (0.5, 1.0, 1.5, 2.0, 3.0)  # standard deviations of single runs

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


def some_seeds_fail(rng: np.random.Generator, seeds: int) -> Floats:
    return np.where(rng.random(seeds) < 0.3, 0.0, 10.0) + rng.normal(0, 0.5, seeds)


SHAPES: dict[str, Draw] = {
    "normal": lambda rng, seeds: rng.normal(size=seeds),
    "heavy-tailed (t, 2 degrees of freedom)": lambda rng, seeds: rng.standard_t(2, size=seeds),
    "skewed (lognormal)": lambda rng, seeds: rng.lognormal(size=seeds),
    "bimodal (3 of 10 runs fail)": some_seeds_fail,
}


def curves(final: Floats, rng: np.random.Generator) -> Floats:
    """[seeds] -> [seeds, 12]: rising curves that end at the final scores, with a little noise at each point."""
    rise = 1 - np.exp(-np.linspace(0.2, 5, 12))
    return final[:, None] * rise + rng.normal(0, 0.05, (len(final), 12))


def verdicts(shape: str, seeds: int, shift: float = 0.0, comparisons: int = COMPARISONS) -> Iterator[Verdict]:
    """Verdicts on arms of `seeds` runs drawn from one shape, b's final scores higher by `shift`."""
    rng = np.random.default_rng([seeds, round(1000 * shift), *shape.encode()])
    for _ in range(comparisons):
        a, b = (SHAPES[shape](rng, seeds) for _ in range(2))
        yield compare_arms(curves(a, rng), curves(b + shift, rng))


@dataclass(frozen=True)
class FalseAlarms:
    """Shares of comparisons of equal arms."""

    decided: float
    difference_missed: float  # the interval of the difference leaves 0 out
    probability_missed: float  # the interval of the probability of improvement leaves 1/2 out


def false_alarms(shape: str, seeds: int) -> FalseAlarms:
    found = list(verdicts(shape, seeds))
    return FalseAlarms(
        float(np.mean([verdict.decision != "undecided" for verdict in found])),
        float(np.mean([not verdict.difference.low <= 0 <= verdict.difference.high for verdict in found])),
        float(
            np.mean(
                [
                    not verdict.probability_of_improvement.low <= 0.5 <= verdict.probability_of_improvement.high
                    for verdict in found
                ]
            )
        ),
    )


def percentile_bootstrap_misses(seeds: int) -> float:
    """How often the 95 % percentile bootstrap interval of the difference of two equal normal arms leaves 0 out."""
    rng = np.random.default_rng([seeds, 1])
    missed = 0
    for _ in range(COMPARISONS):
        a, b = rng.normal(size=(2, seeds))
        means = [arm[rng.integers(0, seeds, (1000, seeds))].mean(axis=1) for arm in (a, b)]
        low, high = np.quantile(means[1] - means[0], (0.025, 0.975))
        missed += not low <= 0 <= high
    return missed / COMPARISONS


def power(shape: str, seeds: int, effect: float) -> float:
    comparisons = COMPARISONS // 2
    return sum(verdict.decision == "b" for verdict in verdicts(shape, seeds, effect, comparisons)) / comparisons


def stopped_early(shape: str, seeds: int) -> tuple[float, float]:
    """Shares of equal arms told apart on the way to `seeds`: by the looks of compare.sequential; by testing after
    every seed at the full error."""
    rng = np.random.default_rng([seeds, 2, *shape.encode()])
    careful = naive = 0
    for _ in range(COMPARISONS // 2):
        a, b = (SHAPES[shape](rng, seeds)[:, None] for _ in range(2))
        careful += first_decision(a, b)[1].decision != "undecided"
        naive += any(compare_arms(a[:n], b[:n]).decision != "undecided" for n in range(3, seeds + 1))
    return careful / (COMPARISONS // 2), naive / (COMPARISONS // 2)


def tables() -> str:
    def percent(share: float) -> str:
        return f"{100 * share:.1f} %"

    head = "| " + " | ".join(f"{seeds} seeds" for seeds in SEEDS) + " |"
    rule = "|---" * (len(SEEDS) + 1) + "|"
    alarms = {shape: [false_alarms(shape, seeds) for seeds in SEEDS] for shape in SHAPES}
    lines = [f"Decisions between equal arms, {COMPARISONS:,} comparisons a cell (promised: at most 5 %):", ""]
    lines += ["| scores " + head, rule]
    lines += [
        f"| {shape} | " + " | ".join(percent(cell.decided) for cell in row) + " |" for shape, row in alarms.items()
    ]
    lines += ["", "95 % interval of the difference that leaves the truth out, Welch's as reported:", ""]
    lines += ["| scores " + head, rule]
    lines += [
        f"| {shape} | " + " | ".join(percent(cell.difference_missed) for cell in row) + " |"
        for shape, row in alarms.items()
    ]
    bootstrap = " | ".join(percent(percentile_bootstrap_misses(seeds)) for seeds in SEEDS)
    lines += [f"| *percentile bootstrap, normal, for contrast* | {bootstrap} |"]
    lines += ["", "95 % interval of the probability of improvement that leaves one half out:", ""]
    lines += ["| scores " + head, rule]
    lines += [
        f"| {shape} | " + " | ".join(percent(cell.probability_missed) for cell in row) + " |"
        for shape, row in alarms.items()
    ]
    lines += ["", f"True differences that are found, normal scores, {COMPARISONS // 2:,} comparisons a cell:", ""]
    lines += ["| difference in standard deviations " + head, rule]
    for effect in EFFECTS:
        lines.append(f"| {effect:g} | " + " | ".join(percent(power("normal", seeds, effect)) for seeds in SEEDS) + " |")
    smallest = " | ".join(f"{detectable_effect(seeds, seeds, 0.05):.2f}" for seeds in SEEDS)
    lines += [f"| *found 4 times in 5, as the verdict announces* | {smallest} |"]
    lines += ["", f"Equal arms told apart on the way to 20 seeds, {COMPARISONS // 2:,} comparisons a row:", ""]
    lines += ["| scores | `--stop-when-decided` | *testing after every seed at 5 %, for contrast* |", "|---|---|---|"]
    for shape in SHAPES:
        lines.append(f"| {shape} | " + " | ".join(map(percent, stopped_early(shape, 20))) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the tables in docs/statistics.md")
    made = tables()
    if not parser.parse_args().write:
        print(made)
        return
    page = PAGE.read_text()
    PAGE.write_text(re.sub(r"(<!-- tables -->\n).*(<!-- end -->)", rf"\1\n{made}\n\n\2", page, flags=re.DOTALL))


if __name__ == "__main__":
    main()

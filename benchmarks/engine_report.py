"""Runs the arms of a case of benchmarks/engine.py in turns and prints what they did."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.engine_arms import Arm


def run_in_turns(name: str, arms: dict[str, Arm], repeats: int, seconds: float) -> dict[str, Any]:
    try:
        for _ in range(repeats):
            for arm in arms.values():
                arm.measure(seconds)
    finally:
        for arm in arms.values():
            arm.close()
    return report(name, arms)


def run_one_after_the_other(
    name: str, arms: Mapping[str, Callable[[], Arm]], repeats: int, seconds: float
) -> dict[str, Any]:
    measured = {}
    for label, make in arms.items():
        arm = measured[label] = make()
        try:
            for _ in range(repeats):
                arm.measure(seconds)
        finally:
            arm.close()
    return report(name, measured)


def report(name: str, arms: dict[str, Arm]) -> dict[str, Any]:
    """Prints a line an arm; returns them for the JSON file."""
    medians = {label: statistics.median(arm.rates) for label, arm in arms.items()}
    tokens = {label: statistics.mean(arm.tokens) for label, arm in arms.items() if arm.tokens}
    judge = medians.get("puffer")
    print(name)
    for label, arm in arms.items():
        ratio = f"{medians[label] / judge:8.1f} x puffer" if judge else ""
        spread = f"{min(arm.rates):12,.0f} to {max(arm.rates):12,.0f}"
        held = f"{tokens[label]:5.1f} tokens" if label in tokens else ""
        print(f"  {label:12s} {medians[label]:14,.0f} agent-steps/s  ({spread}) {ratio} {held}")
    return {
        "case": name,
        "agent_steps_per_second": medians,
        "tokens_per_observation": tokens,
        "repeats": {label: arm.rates for label, arm in arms.items()},
    }


def print_scaling(cases: Mapping[int, dict[str, Any]]) -> None:
    """The cases by number of worlds. The first arm's rate is shown as a share of the bound beside it, too."""
    first, *_ = labels = list(next(iter(cases.values()))["agent_steps_per_second"])
    rates = {worlds: case["agent_steps_per_second"] for worlds, case in cases.items()}
    best = {label: max(rate[label] for rate in rates.values()) for label in labels}
    print("agent-steps/s and share of the best number of worlds")
    print("  worlds  tokens" + "".join(f"{label:>21}" for label in labels) + f"   {first} of rows")
    for worlds, rate in rates.items():
        columns = "".join(f"{rate[label]:14,.0f}{rate[label] / best[label]:7.0%}" for label in labels)
        tokens = cases[worlds]["tokens_per_observation"][first]
        print(f"{worlds:8,}{tokens:8.1f}{columns}{rate[first] / rate['rows']:19.0%}")

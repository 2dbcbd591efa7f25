"""Whether the arms began alike and ran undisturbed, as far as their directories show it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metta_puffer.tracking.initial_weights import read_initial_weights

if TYPE_CHECKING:
    from compare.results import Results, RunResults

Digests = dict[str, tuple[tuple[int, ...], str]]


@dataclass(frozen=True)
class SameStart:
    """Whether the first two arms began with the same weights, seed by seed; None where the runs do not say."""

    same: bool | None
    sentence: str


def initial_weights(results: "Results") -> SameStart:
    a, b = results.arms[:2]
    right = {result.run.seed: result for result in results.of(b)}
    pairs = [(left, right[left.run.seed]) for left in results.of(a) if left.run.seed in right]
    if not pairs:
        return SameStart(None, f"No seed is shared by {a} and {b}: their initial weights are not comparable.")
    unknown, other, tensors = [], {}, 0
    for pair in pairs:
        one, two = (read_initial_weights(result.run.dir) for result in pair)
        seed = pair[0].run.seed
        if one is None or two is None:
            unknown.append(seed)
        elif one != two:
            other[seed] = _why_other(a, one, b, two)
        else:
            tensors = len(one)
    if other:
        seed, why = next(iter(other.items()))
        which = "all seeds" if len(other) == len(pairs) else f"seeds {_listed(list(other))}"
        return SameStart(False, f"Other initial weights in {which}: {why} (seed {seed}).")
    if unknown:
        return SameStart(None, f"Unknown for seeds {_listed(unknown)}: those runs recorded no initial weights.")
    return SameStart(
        True,
        f"The same initial weights in {a} and {b}, seed by seed: all {tensors} tensors are equal; pairs of runs "
        f"compared: {len(pairs)}.",
    )


def _why_other(a: str, one: Digests, b: str, two: Digests) -> str:
    if one.keys() != two.keys():
        name = next(name for name in (*one, *two) if name not in one or name not in two)
        return f"the policies differ: only {a if name in one else b} has {name}"
    shapes = [name for name in one if one[name][0] != two[name][0]]
    if shapes:
        name = shapes[0]
        return f"the policies differ: {name} is {one[name][0]} in {a} and {two[name][0]} in {b}"
    changed = [name for name in one if one[name] != two[name]]
    return f"{len(changed)} of {len(one)} tensors of the same shape have other values, {changed[0]} among them"


def _listed(seeds: list[int]) -> str:
    return ", ".join(map(str, seeds))


def shared_cores(runs: "list[RunResults]") -> str | None:
    """A warning about wall-clock where more runs went on at once than the machine has cores; None where none did."""
    crowded = {}
    for result in runs:
        at_once, cores = result.outcome.get("runs_at_once"), result.outcome.get("physical_cores")
        if result.status == "finished" and at_once and cores and at_once > cores:
            crowded[result.run.run_id] = (at_once, cores)
    if not crowded:
        return None
    at_once, cores = next(iter(crowded.values()))
    count = f"{len(crowded)} of {len(runs)} runs" if len(crowded) < len(runs) else "All runs"
    return (
        f"{count} shared cores (up to {at_once} runs at once on {cores} cores): wall-clock, agent-steps per second "
        "and everything over seconds depend on what ran beside them."
    )

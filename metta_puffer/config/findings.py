"""What is wrong or surprising about a pair of configurations, each with evidence and a concrete change.

docs/findings.md explains every id with an example; a test keeps the two in step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from metta_puffer.config.sides import Side

Severity = Literal["error", "warning", "note"]
SideName = Literal["puffer", "native", "both"]


@dataclass(frozen=True)
class Finding:
    id: str
    severity: Severity
    side: SideName
    message: str
    evidence: str
    fix: str

    @property
    def link(self) -> str:
        return f"docs/findings.md#{self.id}"


Pair = tuple[Side, Side]  # puffer, native
Rule = Callable[[Side], Iterator[Finding]]
PairRule = Callable[[Side, Side], Iterator[Finding]]
ORDER = {"error": 0, "warning": 1, "note": 2}


def find(puffer: Side, native: Side) -> tuple[Finding, ...]:
    """All findings, errors first; within a severity in the order of the rules."""
    found = [finding for rule in PAIR_RULES for finding in rule(puffer, native)]
    found += [finding for rule in SIDE_RULES for side in (puffer, native) for finding in rule(side)]
    return tuple(sorted(found, key=lambda finding: ORDER[finding.severity]))


def agent_count_mismatch(puffer: Side, native: Side) -> Iterator[Finding]:
    left, right = puffer.value("agents_per_env"), native.value("agents_per_env")
    if left != right:
        yield Finding(
            "agent-count-mismatch",
            "warning",
            "both",
            "the two sides train in worlds with different numbers of agents",
            f"{left} agents a world in {puffer.value('envs'):,} worlds against {right} in {native.value('envs'):,}",
            "set env.num_agents to the same number on both sides: metta-audit reconcile --match agents-per-world",
        )


def impossible_sizes(side: Side) -> Iterator[Finding]:
    """Everything for which the trainer would refuse the configuration or fail."""
    for problem in side.sizes.problems:
        place = f" in {problem.source}" if problem.source else ""
        quote = f'; the trainer raises "{problem.quotes}"' if problem.quotes else ""
        yield Finding(
            problem.finding,
            "error",
            side.name,
            problem.message,
            f"{problem.key} = {problem.value}{place}{quote}",
            problem.remedy,
        )


def unread_keys(side: Side) -> Iterator[Finding]:
    for unread in side.loaded.unread:
        yield Finding(
            "unread-key",
            "warning" if unread.known else "error",
            side.name,
            f"nothing reads {unread.key}",
            f"{unread.key} = {unread.entry.value} in {unread.entry.source}.{unread.hint}",
            "remove it" if unread.known else "correct or remove it",
        )


PAIR_RULES: tuple[PairRule, ...] = (agent_count_mismatch,)
SIDE_RULES: tuple[Rule, ...] = (impossible_sizes, unread_keys)

"""A finding: what is wrong or surprising, with evidence and a concrete change."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from metta_puffer.config.sides import Side

Severity = Literal["error", "warning", "note"]
SideName = Literal["puffer", "native", "both"]


@dataclass(frozen=True)
class Finding:
    id: str  # explained under this name in docs/findings.md
    severity: Severity
    side: SideName
    message: str
    evidence: str
    fix: str

    @property
    def link(self) -> str:
        return f"docs/findings.md#{self.id}"


Rule = Callable[[Side], Iterator[Finding]]
PairRule = Callable[[Side, Side], Iterator[Finding]]

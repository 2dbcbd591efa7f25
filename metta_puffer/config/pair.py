"""A pair of configurations under change: overrides that grow, each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.sides import Side, native_side, puffer_side

SideName = Literal["puffer", "native"]
SIDES: tuple[SideName, SideName] = ("puffer", "native")


@dataclass(frozen=True)
class Change:
    side: SideName
    key: str
    before: Any
    after: Any
    why: str


@dataclass
class Pair:
    """Two files with overrides that grow; every change is recorded once, with its reason."""

    files: Mapping[SideName, str]
    machine: Machine
    overrides: dict[SideName, dict[str, Any]]
    puffer_default: str | None = None
    original: dict[SideName, Any] = field(default_factory=dict)
    why: dict[tuple[SideName, str], str] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)  # why the wish cannot be met exactly

    def __post_init__(self) -> None:
        self._sides: dict[SideName, Side] = {}
        self.original = {name: self.side(name).loaded for name in SIDES}

    def side(self, name: SideName) -> Side:
        """The side as it stands with the overrides so far, for the trainers that will read the written pair: ours."""
        if name not in self._sides:
            overrides = self.overrides[name]
            self._sides[name] = (
                puffer_side(
                    load_puffer(self.files[name], overrides, default=self.puffer_default), self.machine, loop="ours"
                )
                if name == "puffer"
                else native_side(load_native(self.files[name], overrides), self.machine, semantics="ours")
            )
        return self._sides[name]

    @property
    def puffer(self) -> Side:
        return self.side("puffer")

    @property
    def native(self) -> Side:
        return self.side("native")

    def set(self, side: SideName, key: str, value: Any, why: str) -> None:
        if value_of(self.side(side).loaded, key) != value:
            self.overrides[side][key] = value
            self.why[side, key] = why
            del self._sides[side]

    def changes(self) -> list[Change]:
        found = []
        for (side, key), why in self.why.items():
            before, after = value_of(self.original[side], key), value_of(self.side(side).loaded, key)
            if before != after:
                found.append(Change(side, key, before, after, why))
        return found


def value_of(loaded: Any, key: str) -> Any:
    """The value of a dotted key; None where the configuration has none."""
    try:
        return loaded.value(key)
    except (AttributeError, KeyError):
        return None

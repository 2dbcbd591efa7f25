"""Quantities with unit, formula and inputs: what the audit shows and explains.

A formula is an expression over the names of its inputs; the tests evaluate it and compare with the value, so
that what is explained is what is computed.
"""

from dataclasses import dataclass
from typing import Any

from metta_puffer.config.settings import Loaded


@dataclass(frozen=True)
class Input:
    name: str
    value: Any
    source: str  # another quantity, or the file and line of a key


@dataclass(frozen=True)
class Quantity:
    name: str
    value: Any
    unit: str
    formula: str
    inputs: tuple[Input, ...]


class Quantities(dict[str, Quantity]):
    """Quantities of one side in the order in which they were derived."""

    def __init__(self, loaded: Loaded[Any]) -> None:
        super().__init__()
        self._loaded = loaded

    def given(self, name: str, value: Any, unit: str, key: str, why: str | None = None) -> None:
        """A quantity that a key sets. `why` says where the value came from when not from the key's own text."""
        source = why or f"{key} in {self._loaded.source(key)}"
        self[name] = Quantity(name, value, unit, name, (Input(name, value, source),))

    def derived(self, name: str, value: Any, unit: str, formula: str, *names: str, **others: Any) -> None:
        """A quantity computed from earlier ones (`names`) and from `others` (name -> (value, source))."""
        inputs = [Input(n, self[n].value, "quantity") for n in names]
        inputs += [Input(n, value, source) for n, (value, source) in others.items()]
        self[name] = Quantity(name, value, unit, formula, tuple(inputs))

    def values_by_name(self) -> dict[str, Any]:
        return {name: quantity.value for name, quantity in self.items()}

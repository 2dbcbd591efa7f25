"""Differences between any two configurations, of the same kind or not: settings, rules and quantities."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metta_puffer.config.audit import quantity_names
from metta_puffer.config.differences import differing_rules
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sides import Side, native_side, puffer_side
from metta_puffer.errors import UserError


@dataclass(frozen=True)
class Difference:
    kind: str  # setting, rule or quantity
    name: str
    left: Any
    right: Any


def open_side(path: str | Path, machine: Machine) -> Side:
    """A side by the ending of its file."""
    ending = Path(path).suffix
    if ending == ".ini":
        return puffer_side(load_puffer(path), machine)
    if ending in (".yaml", ".yml"):
        return native_side(load_native(path), machine)
    raise UserError("neither .ini nor .yaml", remedy="give a PufferLib ini or a trainer YAML", file=str(path))


def differences(left: Side, right: Side) -> list[Difference]:
    found = []
    if left.name == right.name:
        found += settings(left.loaded, right.loaded)
    else:
        puffer, native = (left, right) if left.name == "puffer" else (right, left)
        for rule in differing_rules(puffer, native):
            values = (rule.puffer, rule.native) if left is puffer else (rule.native, rule.puffer)
            found.append(Difference("rule", rule.topic, *values))
    for name in quantity_names(left, right):
        a, b = (side.quantities[name].value if name in side.quantities else None for side in (left, right))
        if a != b:
            found.append(Difference("quantity", name, a, b))
    return found


def settings(left: Loaded[Any], right: Loaded[Any]) -> list[Difference]:
    values = [_flat(loaded.model.model_dump()) for loaded in (left, right)]
    keys = dict.fromkeys([*values[0], *values[1]])
    pairs = ((key, values[0].get(key), values[1].get(key)) for key in keys)
    return [Difference("setting", key, a, b) for key, a, b in pairs if a != b]


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found

"""Differences between any two configurations, of the same kind or not: settings, rules and quantities.

Settings are compared as resolved, so a key spelled out at its default value is no difference; such keys are told apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metta_puffer.config.audit import quantity_names
from metta_puffer.config.differences import differing_rules
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.open_options import POLICIES, env_options
from metta_puffer.config.puffer_model import PufferConfig
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sides import Side, native_side, puffer_side
from metta_puffer.errors import UserError


@dataclass(frozen=True)
class Difference:
    kind: str  # setting, rule, quantity, or 'spelled out': by one side only, at what is the default of the other
    name: str
    left: Any  # None: the side that does not spell it out, or does not have it
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
    defaults = [_open_defaults(loaded) for loaded in (left, right)]
    found = []
    for key in dict.fromkeys([*values[0], *values[1]]):
        a, b = (given.get(key, default.get(key)) for given, default in zip(values, defaults, strict=True))
        spelled = [loaded.source(key).kind in ("file", "override") for loaded in (left, right)]
        if a != b:
            found.append(Difference("setting", key, a, b))
        elif spelled[0] != spelled[1]:
            found.append(Difference("spelled out", key, a if spelled[0] else None, b if spelled[1] else None))
    return found


def _open_defaults(loaded: Loaded[Any]) -> dict[str, Any]:
    """Defaults of the keys that the models only pass on, where they are ours: dotted key -> value."""
    model = loaded.model
    sections: dict[str, Mapping[str, Any]] = {}
    if isinstance(model, PufferConfig):
        if "env.game" not in loaded.sources:
            return {}
        sections["rnn"] = sections["policy"] = POLICIES.get(model.base.policy, {})
    elif loaded.layout == "ours":
        sections["policy"] = POLICIES.get(model.policy.name, {})
    else:
        return {}
    sections["env"] = env_options(model.env.game)
    return {f"{section}.{key}": value for section, options in sections.items() for key, value in options.items()}


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found

"""Config models as plain JSON trees and back, without loss.

Pydantic's own JSON cannot be used: `MaxGameValue` and `MinGameValue` have the same fields, so the untagged union of
game values reads one back as the other, and handlers of the move action are untyped. A tree names the class of every
model under "$" and keeps only fields that were set, which also makes it the natural thing to shrink.
"""

import importlib
from enum import Enum
from functools import cache
from typing import Any

import mettagrid.config.mettagrid_config  # noqa: F401 - defines the models that `model_class` looks up
from mettagrid.base_config import Config
from mettagrid.config.vibes import Vibe

Tree = Any


def to_tree(value: Any) -> Tree:
    """A model, container or scalar as JSON-able data."""
    if isinstance(value, Config):
        fields = type(value).model_fields
        tree: dict[str, Tree] = {"$": class_name(type(value))}
        for name in fields:
            field_value = getattr(value, name)
            if name in value.model_fields_set or field_value != fields[name].get_default(call_default_factory=True):
                tree[name] = to_tree(field_value)
        return tree
    if isinstance(value, Vibe):
        return {"$vibe": value.name, "symbol": value.symbol, "category": value.category}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: to_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_tree(item) for item in value]
    return value


def from_tree(tree: Tree) -> Any:
    """Inverse of `to_tree`. Raises pydantic.ValidationError when the tree is no valid config."""
    if isinstance(tree, dict):
        if "$" in tree:
            fields = {key: from_tree(item) for key, item in tree.items() if key != "$"}
            return model_class(tree["$"])(**fields)
        if "$vibe" in tree:
            return Vibe(symbol=tree["symbol"], name=tree["$vibe"], category=tree["category"])
        return {key: from_tree(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [from_tree(item) for item in tree]
    return tree


def class_name(cls: type[Config]) -> str:
    """The bare name for classes of mettagrid.config, module and name for the rest (map builders)."""
    return cls.__name__ if cls.__module__.startswith("mettagrid.config.") else f"{cls.__module__}:{cls.__qualname__}"


@cache
def model_class(name: str) -> type[Config]:
    if ":" in name:
        module, path = name.split(":")
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        return found
    pending: list[type[Config]] = [Config]
    while pending:
        cls = pending.pop()
        if cls.__name__ == name and cls.__module__.startswith("mettagrid.config."):
            return cls
        pending.extend(cls.__subclasses__())
    raise KeyError(f"no config class named {name!r}")

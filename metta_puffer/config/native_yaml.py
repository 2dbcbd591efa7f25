"""Reads trainer YAML: dotted keys with raw values and their lines, OmegaConf `${...}` interpolation resolved.

Only the node graph is built (no constructors), so tags and aliases can neither run code nor blow up memory.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from metta_puffer.config.files import read_text
from metta_puffer.config.settings import Entry, Raw, Source
from metta_puffer.errors import UserError

MANDATORY = "???"  # OmegaConf's mark of a value that must be given
_MOST_KEYS = 10_000
_DEEPEST = 50
_LONGEST_TEXT = 10_000
_INTERPOLATION = re.compile(r"\$\{([^${}]*)\}")
_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# YAML 1.2 floats (1e-12), as OmegaConf reads them; PyYAML alone wants a dot and takes the rest for text.
_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.[\d_]+)[eE][-+]?\d+")
_INT = re.compile(r"[-+]?\d[\d_]*")


class Unresolved(str):
    """An interpolation whose target is not in the file; a problem only where its key is read."""


def scalar(text: str) -> Any:
    """The value that an override spells: a plain YAML scalar, or a list in brackets. Other text stays text."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
        if isinstance(node, yaml.SequenceNode) and node.flow_style:
            return _Walk("command line", "override", {}).value(node, 0)
    except (yaml.YAMLError, UserError, RecursionError):
        return text
    return _value(node) if isinstance(node, yaml.ScalarNode) else text


def read_yaml(path: str | Path, kind: Any = "file") -> Raw:
    """Dotted key -> entry; lists are values, empty mappings vanish. Raises UserError with file and line."""
    return interpolate(read_nodes(path, kind))


def read_nodes(path: str | Path, kind: Any = "file") -> Raw:
    """As `read_yaml`, with `${...}` left as it stands."""
    text = read_text(path)
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UserError(
            f"is no readable YAML: {error.problem or error}",
            remedy="check indentation, quotes and brackets there",
            file=str(path),
            line=mark.line + 1 if mark else None,
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(
            f"is no readable YAML: {str(error).splitlines()[0] if str(error) else 'nested too deeply'}",
            remedy="give a plain trainer YAML",
            file=str(path),
        ) from None
    raw: Raw = {}
    if root is not None:
        if not isinstance(root, yaml.MappingNode):
            raise UserError("holds no mapping of keys", remedy="write `key: value` lines", file=str(path), line=1)
        _Walk(str(path), kind, raw).mapping(root, "", 0)
    return raw


def interpolate(raw: Raw) -> Raw:
    """Every `${...}` replaced by what it names; resolvers such as ${now:} stay as they are, as `Unresolved`."""
    interpolation = _Interpolation(raw)
    return {key: Entry(interpolation.value(key), entry.source) for key, entry in raw.items()}


class _Walk:
    def __init__(self, file: str, kind: Any, raw: Raw) -> None:
        self.file, self.kind, self.raw = file, kind, raw
        self.visits = 0

    def fail(self, node: yaml.Node, message: str, remedy: str) -> UserError:
        return UserError(message, remedy=remedy, file=self.file, line=node.start_mark.line + 1)

    def visit(self, node: yaml.Node, depth: int) -> None:
        self.visits += 1
        if self.visits > _MOST_KEYS or depth > _DEEPEST:
            raise self.fail(node, "more keys or nesting than any configuration has", "remove the repeated aliases")
        if node.tag not in _TAGS and not node.tag.startswith("tag:yaml.org,2002:timestamp"):
            raise self.fail(node, f"the tag {node.tag!r} is not allowed", "write plain values without tags")

    def mapping(self, node: yaml.MappingNode, prefix: str, depth: int) -> None:
        self.visit(node, depth)
        own: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
                raise self.fail(key_node, "keys must be plain names", "write `name: value`")
            name, line = str(key_node.value), key_node.start_mark.line + 1
            if name in own:
                raise self.fail(key_node, f"{prefix}{name} stands twice (first in line {own[name]})", "keep one")
            own[name] = line
            if isinstance(value_node, yaml.MappingNode):
                self.mapping(value_node, f"{prefix}{name}.", depth + 1)
            else:
                self.raw[prefix + name] = Entry(self.value(value_node, depth + 1), Source(self.kind, self.file, line))

    def value(self, node: yaml.Node, depth: int) -> Any:
        self.visit(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return {str(key.value): self.value(value, depth + 1) for key, value in node.value}
        return _value(node)


def _value(node: yaml.Node) -> Any:
    kind = _TAGS.get(node.tag, "str")
    text = str(node.value)
    if kind == "str" and not getattr(node, "style", None) and _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    try:
        if kind == "int" and _INT.fullmatch(text) and not re.fullmatch(r"[-+]?0\d+", text):
            return int(text.replace("_", ""))
        if kind in ("int", "float", "bool", "null"):
            return yaml.SafeLoader("").construct_object(node)
    except (ValueError, OverflowError):
        return text
    return text


class _Interpolation:
    """Resolves `${...}`; each key once, so that references to references cannot multiply."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.done: dict[str, Any] = {}
        self.open: list[str] = []

    def fail(self, key: str, message: str) -> UserError:
        source = self.raw[key].source
        return UserError(message, remedy="give the value itself", file=source.file, line=source.line, key=key)

    def value(self, key: str) -> Any:
        if key in self.done:
            return self.done[key]
        if key in self.open:
            raise self.fail(key, f"the interpolation goes in a circle: {' -> '.join([*self.open, key])}")
        if len(self.open) > _DEEPEST:
            raise self.fail(key, "the interpolation is nested too deeply")
        self.open.append(key)
        self.done[key] = self.resolve(key, self.raw[key].value)
        self.open.pop()
        return self.done[key]

    def resolve(self, key: str, value: Any) -> Any:
        if not isinstance(value, str) or "${" not in value:
            return value
        targets = [_target(key, match[1].strip()) for match in _INTERPOLATION.finditer(value)]
        values = [self.value(target) for target in targets if target is not None and target in self.raw]
        if len(values) < len(targets) or any(isinstance(part, Unresolved) for part in values):
            return Unresolved(value)
        if values and _INTERPOLATION.fullmatch(value):
            return values[0]
        following = iter(values)
        text = _INTERPOLATION.sub(lambda _: str(next(following)), value)
        if len(text) > _LONGEST_TEXT:
            raise self.fail(key, "the interpolation grows without end")
        return Unresolved(value) if "${" in text else text


def _target(key: str, reference: str) -> str | None:
    """The dotted key that `${reference}` names when it stands at `key`; None for resolvers such as ${now:...}."""
    dots = len(reference) - len(reference.lstrip("."))
    if ":" in reference or not reference.lstrip("."):
        return None
    if not dots:
        return reference
    parents = key.split(".")
    if dots > len(parents):
        return None
    return ".".join([*parents[: len(parents) - dots], reference[dots:]])

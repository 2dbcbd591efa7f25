"""Reads YAML with a Hydra `defaults` list: composed when a config root is given, reported otherwise.

Only what Metta's trees of 2025 use: relative and absolute entries, `group: option`, `@package`, `_self_`, lists of
options. Nothing is imported and no resolver is called.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metta_puffer.config.native_yaml import interpolate, read_nodes
from metta_puffer.config.settings import Entry, Raw
from metta_puffer.errors import UserError

DEFAULTS = "defaults"
_DEEPEST = 20


@dataclass
class Composed:
    """Dotted key -> entry, and the `defaults` entries that were not found or not looked for."""

    raw: Raw
    unresolved: list[tuple[str, Entry]]  # (entry text, where it stands)


def read_composed(path: str | Path, root: str | Path | None = None, kind: Any = "file") -> Composed:
    """Raises UserError for an unreadable file or defaults that include themselves."""
    if root is not None and not Path(root).is_dir():
        raise UserError("no such folder", remedy="give the folder that holds Metta's configs", file=str(root))
    composer = _Composer(Path(root) if root else None, kind)
    return Composed(interpolate(composer.compose(Path(path), "", ())), composer.unresolved)


class _Composer:
    def __init__(self, root: Path | None, kind: Any) -> None:
        self.root, self.kind = root, kind
        self.unresolved: list[tuple[str, Entry]] = []

    def compose(self, path: Path, package: str, including: tuple[Path, ...]) -> Raw:
        if path in including or len(including) > _DEEPEST:
            raise UserError("includes itself through its defaults", remedy="break the circle", file=str(path))
        own = {_under(package, key): entry for key, entry in read_nodes(path, self.kind).items()}
        entry = own.pop(_under(package, DEFAULTS), None)
        if entry is None:
            return own
        merged: Raw = {}
        own_placed = False
        for name, inner in _includes(entry.value if isinstance(entry.value, list) else [entry.value]):
            if name == "_self_":
                merged.update(own)
                own_placed = True
            elif (file := _find(name, path.parent, self.root)) is not None:
                merged.update(self.compose(file, _under(package, inner), (*including, path)))
            else:
                self.unresolved.append((name, Entry(name, entry.source)))
        return merged if own_placed else {**merged, **own}


def _under(package: str, key: str) -> str:
    return f"{package}.{key}" if package and key else package or key


def _includes(items: list[Any]) -> list[tuple[str, str]]:
    """(config path, package) of each entry of a defaults list."""
    found: list[tuple[str, str]] = []
    for item in items:
        pairs = item.items() if isinstance(item, dict) else [(None, item)]
        for group, options in pairs:
            for option in options if isinstance(options, list) else [options]:
                name = f"{group}" if group is not None else f"{option}"
                name, at, package = name.partition("@")
                name = name.removeprefix("override ").strip()
                if group is not None:
                    name = f"{name}/{option}"
                if not at:
                    package = ".".join(name.strip("/").split("/")[:-1])
                found.append((name, "" if package in ("_global_", "_here_") else package))
    return found


def _find(name: str, folder: Path, root: Path | None) -> Path | None:
    """The file of a defaults entry: beside the including file, or under the root or any tail of its path there."""
    if root is None:
        return None
    if not name.startswith("/"):
        file = folder / f"{name}.yaml"
        return file if file.is_file() and _inside(file, root) else None
    parts = name.strip("/").split("/")
    for skip in range(len(parts)):
        file = root.joinpath(*parts[skip:]).with_suffix(".yaml")
        if file.is_file() and _inside(file, root):
            return file
    return None


def _inside(file: Path, root: Path) -> bool:
    return file.resolve().is_relative_to(root.resolve())

"""Settings with their provenance: which file and line, default or override, each value came from."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Source:
    """Where a value was last set."""

    kind: Literal["built in", "default file", "file", "override"]
    file: str | None = None
    line: int | None = None

    @property
    def place(self) -> str | None:
        return "command line" if self.kind == "override" else self.file

    def __str__(self) -> str:
        if self.kind in ("built in", "override"):
            return "built-in default" if self.kind == "built in" else "command line"
        return f"{self.file}:{self.line}" if self.line else str(self.file)


BUILT_IN = Source("built in")
OVERRIDE = Source("override")


@dataclass(frozen=True)
class Entry:
    """One raw value as read, before it is checked."""

    value: Any
    source: Source


Raw = dict[str, Entry]  # dotted key -> entry


@dataclass(frozen=True)
class Unread:
    """A key that stands in a file and that nothing reads. `known` says that it once meant something upstream."""

    key: str
    entry: Entry
    known: bool
    hint: str  # nearest valid key, or why nothing reads it


@dataclass(frozen=True)
class Setting:
    """One key as a command line's --help shows it."""

    section: str
    key: str  # dotted, section included
    value: Any
    kind: str  # 'a whole number of at least 1', ...
    help: str
    source: Source


@dataclass(frozen=True)
class Loaded(Generic[ModelT]):
    """A checked configuration and where each of its values came from."""

    model: ModelT
    file: str
    sources: dict[str, Source]
    unread: tuple[Unread, ...] = ()
    layout: Literal["puffer", "ours", "published"] = "ours"
    described: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)  # (key, kind, help)

    def source(self, key: str) -> Source:
        return self.sources.get(key, BUILT_IN)

    def value(self, key: str) -> Any:
        value: Any = self.model
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else getattr(value, part)
        return value

    def settings(self) -> Iterator[Setting]:
        """Every known key in the order of the sections, with value, kind, help and provenance."""
        for key, kind, help_text in self.described:
            yield Setting(key.split(".")[0], key, self.value(key), kind, help_text, self.source(key))

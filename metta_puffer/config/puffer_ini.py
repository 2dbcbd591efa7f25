"""Reads PufferLib ini files: dotted keys with raw values and their lines. Values go through ast.literal_eval."""

import ast
import configparser
import re
import warnings
from pathlib import Path
from typing import Any

from metta_puffer.config.files import read_text
from metta_puffer.config.settings import Entry, Raw, Source
from metta_puffer.errors import UserError

_SECTION = re.compile(r"\[(?P<name>.+)\]")
_OPTION = re.compile(r"(?P<name>[^\s=:#;[][^=:]*?)\s*[=:]")
_LONGEST_VALUE = 10_000  # literal_eval recurses; a config value is short


def literal(text: str) -> Any:
    """The Python literal that a text spells, or the text itself; never runs code."""
    if len(text) > _LONGEST_VALUE:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # '1and' and the like are texts here, not doubtful Python
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def read_ini(path: str | Path, kind: Any = "file") -> Raw:
    """Dotted key -> entry. Raises UserError with file and line for anything that is no ini file."""
    text = read_text(path)
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    try:
        parser.read_string(text, source=str(path))
    except configparser.MissingSectionHeaderError as error:
        raise _unreadable(
            path, error.lineno, "a key stands before any [section]", "start with a [section] line"
        ) from None
    except (configparser.DuplicateSectionError, configparser.DuplicateOptionError) as error:
        what = f"[{error.section}]" + (f" {option}" if (option := getattr(error, "option", "")) else "")
        raise _unreadable(path, error.lineno, f"{what} stands twice", "keep one of them") from None
    except configparser.ParsingError as error:
        line, content = error.errors[0] if error.errors else (None, "")
        raise _unreadable(path, line, f"cannot be read as ini: {content}", "write `key = value`") from None
    except configparser.Error as error:
        raise _unreadable(
            path, None, f"cannot be read as ini: {error.message}", "write `key = value` under [section]"
        ) from None
    lines = _line_numbers(text)
    raw: Raw = {}
    for section in parser.sections():
        for key, value in parser.items(section):
            dotted = f"{section}.{key}"
            raw[dotted] = Entry(literal(value.strip()), Source(kind, str(path), lines.get(dotted)))
    return raw


def _unreadable(path: str | Path, line: int | None, message: str, remedy: str) -> UserError:
    return UserError(message, remedy=remedy, file=str(path), line=line)


def _line_numbers(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        if heading := _SECTION.match(line.strip()):
            section = heading["name"]
        elif option := _OPTION.match(line):
            lines[f"{section}.{option['name'].strip().lower()}"] = number
    return lines

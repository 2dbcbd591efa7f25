"""Where a number comes from: formula, inputs with file and line, and the steps in between."""

import re
import textwrap
from collections.abc import Iterable, Iterator

from metta_puffer.config.quantities import Quantity
from metta_puffer.config.sides import Side


def explain(side: Side, name: str) -> list[str]:
    """Lines, indented by depth, for a quantity that this side has."""
    return list(_lines(side, side.quantities[name], 0, set()))


def wrapped(lines: Iterable[str], width: int) -> Iterator[str]:
    """The lines broken at spaces, with what follows a break further in than its line."""
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        yield textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def substituted(quantity: Quantity) -> str:
    """The formula with its inputs' values in place of their names."""
    values = {entry.name: number(entry.value) for entry in quantity.inputs}
    return re.sub(r"[A-Za-z_]\w*", lambda match: values.get(match[0], match[0]), quantity.formula)


def _lines(side: Side, quantity: Quantity, depth: int, seen: set[str]) -> Iterator[str]:
    indent = "  " * depth
    head = f"{indent}{quantity.name} = {number(quantity.value)} {quantity.unit}"
    if quantity.name in seen:
        yield f"{head} (above)"
        return
    seen.add(quantity.name)
    if quantity.inputs and quantity.inputs[0].name == quantity.name:  # given, not computed
        yield f"{head}, {quantity.inputs[0].source}"
        return
    yield head
    yield f"{indent}  = {quantity.formula}"
    yield f"{indent}  = {substituted(quantity)}"
    for entry in quantity.inputs:
        if entry.source == "quantity":
            yield from _lines(side, side.quantities[entry.name], depth + 1, seen)
        else:
            yield f"{indent}  {entry.name} = {number(entry.value)}, {entry.source}"

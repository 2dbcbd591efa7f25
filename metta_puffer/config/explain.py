"""Where a number comes from: formula, inputs with file and line, and the steps in between."""

import re
from collections.abc import Iterator

from metta_puffer.config.quantities import Quantity
from metta_puffer.config.sides import Side
from metta_puffer.errors import UserError, did_you_mean


def explain(side: Side, name: str) -> list[str]:
    """Lines, indented by depth. Raises UserError for a quantity that this side does not have."""
    if name not in side.quantities:
        known = did_you_mean(name, side.quantities)
        raise UserError(f"no such quantity on the {side.name} side.{known}", remedy="run without --explain", key=name)
    return list(_lines(side, side.quantities[name], 0, set()))


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

"""What the sections are made of."""

import math
from html import escape
from typing import Any


def section(name: str, title: str, about: str, body: str) -> str:
    return f'<section id="{name}"><h2>{escape(title)}</h2><p class="about">{escape(about)}</p>{body}</section>'


def table(head: list[str], rows: list[tuple[list[str], bool]], numbers_from: int) -> str:
    """`rows` are cells, already escaped, and whether the row is marked; columns from `numbers_from` on are numbers."""

    def cells(tag: str, texts: list[str]) -> str:
        marks = ["" if index < numbers_from else ' class="number"' for index in range(len(texts))]
        return "".join(f"<{tag}{mark}>{text}</{tag}>" for mark, text in zip(marks, texts, strict=True))

    body = "".join(f"<tr{' class=differs' if marked else ''}>{cells('td', texts)}</tr>" for texts, marked in rows)
    return f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead><tbody>{body}</tbody></table></div>'


def number(value: Any, digits: int = 3) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool | str):
        return escape(str(value))
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.{digits}f}"
    return escape(str(value))


def estimate(estimate: Any, *, signed: bool) -> str:
    sign = "+" if signed else ""
    if math.isnan(estimate.low):
        return "–" if math.isnan(estimate.value) else f"{estimate.value:{sign}.3f}"
    return f"{estimate.value:{sign}.3f} ({estimate.low:{sign}.3f} to {estimate.high:{sign}.3f})"

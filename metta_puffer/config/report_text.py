"""The audit as tables for a terminal of 80 columns."""

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from metta_puffer.config.audit import Audit, quantity_names
from metta_puffer.config.sides import Side

MARK = {"error": "[bold red]error[/]", "warning": "[yellow]warning[/]", "note": "[dim]note[/]"}


def show(value: Any) -> str:
    """A quantity for people: thousands separated, shares in percent left to the unit."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) >= 1):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def quantities_table(left: Side, right: Side) -> Table:
    names = quantity_names(left, right)
    names.sort(key=lambda name: name != "agents_per_env")  # the agent-count mismatch first
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("quantity")
    table.add_column(left.name, justify="right")
    table.add_column(right.name, justify="right")
    table.add_column("unit", style="dim")
    for name in names:
        a, b = left.quantities.get(name), right.quantities.get(name)
        unit = (a or b).unit  # type: ignore[union-attr]
        differs = a is not None and b is not None and a.value != b.value
        style = "bold yellow" if differs and name == "agents_per_env" else ""
        table.add_row(name, show(a.value) if a else "-", show(b.value) if b else "-", unit, style=style)
    return table


def print_audit(result: Audit, console: Console) -> None:
    for side in result.sides:
        console.print(f"[bold]{side.name}[/] {side.loaded.file} [dim]({side.trainer})[/]", highlight=False)
    console.print()
    left, right = result.puffer.value("agents_per_env"), result.native.value("agents_per_env")
    if left != right:
        console.print(
            f"[bold yellow]agents a world: {left} (puffer) against {right} (native)[/]; "
            "everything below follows from it",
            highlight=False,
        )
        console.print()
    console.print(quantities_table(*result.sides), highlight=False)
    for finding in result.findings:
        console.print()
        console.print(
            f"{MARK[finding.severity]} {finding.side} [bold]{finding.id}[/]: {finding.message}", highlight=False
        )
        console.print(f"  evidence: {finding.evidence}", highlight=False, markup=False)
        console.print(f"  fix: {finding.fix}", highlight=False, markup=False)
    counts = {s: sum(f.severity == s for f in result.findings) for s in ("error", "warning", "note")}
    console.print()
    console.print(
        ", ".join(f"{n} {s}{'' if n == 1 else 's'}" for s, n in counts.items())
        + "; docs/findings.md explains each; --explain QUANTITY shows where a number comes from",
        highlight=False,
    )

"""The audit as tables for a terminal of 80 columns."""

import math
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from metta_puffer.config.advice import Advice
from metta_puffer.config.audit import Audit, quantity_names
from metta_puffer.config.compare_any import Difference
from metta_puffer.config.findings import Finding
from metta_puffer.config.reconcile import Reconciled
from metta_puffer.config.sides import Side

# kind of a difference -> heading of its table
DIFFERENCES = {
    "setting": "setting",
    "rule": "rule",
    "quantity": "quantity",
    "spelled out": "no difference, but only one spells it out",
}
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


def quantities_tables(left: Side, right: Side) -> list[Table]:
    """One of a rank and, with several, one of all ranks, whose longer names would leave no room for the units."""
    names = quantity_names(left, right)
    names.sort(key=lambda name: name != "agents_per_env")  # the agent-count mismatch first
    of_all = [name for name in names if name.endswith("_all_ranks")]
    of_one = [name for name in names if name not in of_all]
    return [_quantities_table(left, right, part) for part in (of_one, of_all) if part]


def _quantities_table(left: Side, right: Side, names: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("quantity", no_wrap=True)
    table.add_column(left.name, justify="right", no_wrap=True)
    table.add_column(right.name, justify="right", no_wrap=True)
    table.add_column("unit", style="dim", overflow="fold")
    for name in names:
        a, b = left.quantities.get(name), right.quantities.get(name)
        unit = (a or b).unit  # type: ignore[union-attr]
        differs = a is not None and b is not None and a.value != b.value
        style = "bold yellow" if differs and name == "agents_per_env" else ""
        table.add_row(name, show(a.value) if a else "-", show(b.value) if b else "-", unit, style=style)
    return table


def print_heading(sides: Sequence[Side], console: Console) -> None:
    for side in sides:
        console.print(f"[bold]{side.name}[/] {escape(side.loaded.file)} [dim]({side.trainer})[/]", highlight=False)
    console.print()


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    for finding in findings:
        head = f"{MARK[finding.severity]} {finding.side} [bold]{finding.id}[/]: {escape(finding.message)}"
        console.print(head, highlight=False)
        for text in (f"evidence: {finding.evidence}", f"fix: {finding.fix}"):
            console.print(_indented(text, console.width), highlight=False, markup=False, soft_wrap=True)
        console.print()


def _indented(text: str, width: int, by: int = 2) -> str:
    indent = " " * by
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def print_audit(result: Audit, console: Console) -> None:
    print_heading(result.sides, console)
    left, right = result.puffer.value("agents_per_env"), result.native.value("agents_per_env")
    if left != right:
        console.print(
            f"[bold yellow]agents a world: {left} (puffer) against {right} (native)[/]; "
            "everything below follows from it",
            highlight=False,
        )
        console.print()
    for table in quantities_tables(*result.sides):
        console.print(table, highlight=False)
        console.print()
    engines = ", ".join(f"{engine} ({side})" for side, engine in result.engines.items())
    console.print(f"engine: {engines}\n", highlight=False)
    print_findings(result.findings, console)
    counts = {s: sum(f.severity == s for f in result.findings) for s in ("error", "warning", "note")}
    console.print(
        ", ".join(f"{n} {s}{'' if n == 1 else 's'}" for s, n in counts.items())
        + "; docs/findings.md explains each; --explain QUANTITY shows where a number comes from",
        highlight=False,
    )


def _table(columns: Sequence[str], right: Collection[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for position, name in enumerate(columns):
        justify: Literal["right", "left"] = "right" if name in right else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=not position)  # names are there to be copied
    return table


def print_reconciled(result: Reconciled, files: Sequence[Path], console: Console) -> None:
    console.print(f"[bold]reconcile --match {result.match} --toward {result.toward}[/]", highlight=False)
    for constraint in result.constraints:
        console.print(f"\n[yellow]not exactly possible[/]: {escape(constraint)}", highlight=False)
    for side in dict.fromkeys(change.side for change in result.changes):
        changes = [change for change in result.changes if change.side == side]
        console.print(f"\nwhat changed on the {side} side, and why", highlight=False)
        for why in dict.fromkeys(change.why for change in changes):
            console.print(f"  [dim]{escape(why)}[/]", highlight=False)
            for change in changes:
                if change.why == why:
                    text = f"{change.key} = {show(change.after)} (was {show(change.before)})"
                    console.print(_indented(text, console.width, 4), highlight=False, markup=False)
    if result.audit.mismatches:
        table = _table(("quantity", "puffer", "native", "unit"), right=("puffer", "native"))
        for column in table.columns[:3]:
            column.no_wrap = True  # the unit gives way
        for mismatch in result.audit.mismatches:
            table.add_row(mismatch.quantity, show(mismatch.puffer), show(mismatch.native), mismatch.unit)
        console.print("\nwhat still differs in size")
        console.print(table, highlight=False)
    if result.still_different:
        table = _table(("rule", "puffer", "native"))
        for rule in result.still_different:
            table.add_row(rule.topic, rule.puffer, rule.native)
        console.print("\nwhat still differs in rules")
        console.print(table, highlight=False)
    console.print("\nwritten: " + " ".join(str(file) for file in files), highlight=False, soft_wrap=True)


def print_scale(sides: Sequence[Side], console: Console) -> None:
    """One line a configuration of the native side."""
    columns = ("agents", "workers", "worlds", "collected", "wasted", "spliced", "updates", "each", "clean")
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for side in sides:
        errors = [p.finding for p in side.sizes.problems if p.finding != "workers-over-cores"]
        cells = [
            show(side.value(name)) for name in ("agents_per_env", "workers", "envs", "agent_steps_collected_per_epoch")
        ]
        if errors:
            cells[3] = "-"
        cells += ["-" if errors else f"{side.value('wasted_fraction'):.1%}"]
        cells += ["-" if errors else show(side.value(n)) for n in ("spliced_rows", "gradient_updates_per_epoch")]
        cells += ["-" if errors else show(side.value("agent_steps_collected_per_gradient"))]
        clean = "error" if errors else "yes" if side.value("agent_steps_overwritten_per_epoch") == 0 else "no"
        table.add_row(*cells, clean)
    console.print(table, highlight=False)
    console.print(
        "\ncollected: agent-steps of one round; wasted: share of them overwritten unseen;\n"
        "spliced: rows of two trajectories; each: agent-steps collected for one update",
        highlight=False,
    )


def print_differences(left: Side, right: Side, found: Sequence[Difference], console: Console) -> None:
    console.print(f"A {escape(left.loaded.file)} [dim]({left.trainer})[/]", highlight=False)
    console.print(f"B {escape(right.loaded.file)} [dim]({right.trainer})[/]", highlight=False)
    if all(difference.kind == "spelled out" for difference in found):
        console.print("\nno difference")
    for kind, heading in DIFFERENCES.items():
        rows = [difference for difference in found if difference.kind == kind]
        if rows:
            table = _table((heading, "A", "B"), right=("A", "B"))
            for row in rows:
                table.add_row(row.name, escape(show(row.left)), escape(show(row.right)))
            console.print()
            console.print(table, highlight=False)


def print_advice(found: Sequence[Advice], console: Console) -> None:
    for advice in found:
        changes = " ".join(f"{key}={value}" for key, value in advice.changes.items())
        style = {"do": "bold green", "do not": "red"}.get(advice.verdict, "dim")
        head = f"[{style}]{advice.verdict}[/] {advice.side} {advice.topic}: [bold]{escape(changes)}[/]"
        console.print(head, highlight=False)
        console.print(f"  {advice.why}", highlight=False, markup=False)
        for name, before, after in advice.effects:
            console.print(f"  {name}: {show(before)} -> {show(after)}", highlight=False, markup=False)
        console.print()

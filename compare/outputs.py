"""Everything a comparison leaves in its folder beside the runs themselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compare import figure
from compare.baseline import Baseline
from compare.curves import Axis
from compare.ladder import Ladder
from compare.report import write_report
from compare.results import Results, read_results, write_summary
from compare.rundir import Run
from metta_puffer.tracking import store


def write_outputs(
    runs: Sequence[Run],
    out: Path,
    baseline: Baseline,
    *,
    provenance: dict[str, Any],
    findings: Sequence[dict[str, Any]],
    confidence: float = 0.95,
    axis: Axis = "agent_steps",
    ladder: Ladder | None = None,
) -> Results:
    """Write summary.json, curves.png, .svg and .csv, report.html and results.duckdb, each whole or not at all.

    Raises UserError while another program has results.duckdb open for writing; the others are there by then.
    """
    results = read_results(
        runs, baseline.mean, provenance, findings=findings, confidence=confidence, axis=axis, ladder=ladder
    )
    write_summary(results, out / "summary.json")
    figure.draw(results, out)
    figure.write_csv(results, out / "curves.csv")
    write_report(results, out / "report.html")
    everything = [*results.runs, *(results.ladder.runs if results.ladder else [])]
    # Last: another program that has it open may be in the way.
    store.merge(out / "results.duckdb", [(run.row(out), run.records + run.evaluations) for run in everything])
    return results

"""The learning curves as a picture for papers and READMEs: curves.png, curves.svg, and their numbers as curves.csv."""

import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from compare.arm_style import arm_style
from compare.curves import AXES, SMOOTHING, Axis, align, curve, smoothed
from compare.results import Results, RunResults
from compare.rundir import draft_of

BASELINE = "#555555"
TITLES: dict[Axis, str] = {
    "agent_steps": "agent-steps collected",
    "wall_seconds": "wall-clock seconds",
    "gradient_updates": "gradient updates",
}


def draw(results: Results, folder: Path) -> None:
    """Write curves.png and curves.svg: the score over each axis, every seed thin, the mean bold, its spread shaded."""
    figure, panels = plt.subplots(1, len(AXES), figsize=(13, 4.3), sharey=True, layout="constrained")
    for panel, axis in zip(panels, AXES, strict=True):
        for index, arm in enumerate(results.arms):
            _draw_arm(panel, axis, results.of(arm), arm, index)
        if results.random_score is not None:
            panel.axhline(results.random_score, color=BASELINE, linestyle=":", linewidth=1.2, label="random policy")
        panel.set_xlabel(TITLES[axis])
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
        panel.ticklabel_format(axis="x", style="sci", scilimits=(-3, 5))
    panels[0].set_ylabel("score (episode return per agent)")
    if panels[0].get_legend_handles_labels()[0]:
        panels[0].legend(frameon=False, loc="upper left")
    figure.suptitle(
        "Mean over seeds (bold), ±1 standard deviation (shaded), single seeds (thin); "
        f"each point the mean over {SMOOTHING:.0%} of the agent-steps before it",
        fontsize=10,
    )
    for name in ("curves.png", "curves.svg"):
        with draft_of(folder / name) as draft:
            figure.savefig(draft, dpi=150)
    plt.close(figure)


def _draw_arm(panel: Axes, axis: Axis, runs: list[RunResults], arm: str, index: int) -> None:
    style = arm_style(index)
    colour = style.colour
    curves = [curve(smoothed(run.records), axis) for run in runs]
    for single in curves:
        panel.plot(single.x, single.y, color=colour, linewidth=0.7, alpha=0.45)
    finished = [c for c, run in zip(curves, runs, strict=True) if run.status == "finished" and len(c.x)]
    grid, rows = align(finished)
    if not finished or not len(grid):
        return
    mean = rows.mean(axis=0)
    line = (0, style.dashes) if style.dashes else "-"
    panel.plot(grid, mean, color=colour, linewidth=2.2, linestyle=line, label=f"{arm} ({len(finished)} seeds)")
    if len(finished) > 1:
        spread = np.std(rows, axis=0, ddof=1)
        panel.fill_between(grid, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)


def write_csv(results: Results, path: Path) -> None:
    """Every score of every run, unsmoothed and unaligned."""
    with draft_of(path) as draft, draft.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run_id", "arm", "seed", "epoch", *AXES, "score"])
        for result in results.runs:
            for record in result.records:
                if "score" in record.values:
                    counters = [getattr(record, axis) for axis in AXES]
                    run = result.run
                    writer.writerow([run.run_id, run.arm, run.seed, record.epoch, *counters, record.values["score"]])

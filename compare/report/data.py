"""What the page's chart draws: every run's curve, thinned to a screen's width, and each arm's mean."""

from typing import Any

import numpy as np
from scipy import special

from compare.curves import AXES, Axis, Floats, align, curve
from compare.figure import TITLES
from compare.results import Results, RunResults, finite

MAX_POINTS = 300  # a run; more than a chart has pixels to show
MEAN_POINTS = 120
CONFIDENCE = 0.95


def chart_data(results: Results) -> dict[str, Any]:
    data = {
        "arms": list(results.arms),
        "axis_titles": TITLES,
        "random_score": results.random_score,
        "runs": [_run(run) for run in results.runs],
        "means": {axis: [_mean(results.of(arm), axis) for arm in results.arms] for axis in AXES},
    }
    return finite(data)


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _run(result: RunResults) -> dict[str, Any]:
    moments = [r for r in result.records if np.isfinite(r.values.get("score", np.nan))]
    if len(moments) > MAX_POINTS:
        moments = [moments[index] for index in np.linspace(0, len(moments) - 1, MAX_POINTS).round().astype(int)]
    axes: dict[str, list[float]] = {
        axis: _rounded(np.array([getattr(moment, axis) for moment in moments])) for axis in AXES
    }
    scores = _rounded(np.array([moment.values["score"] for moment in moments]))
    return {"arm": result.run.arm, "seed": result.run.seed, "status": result.status, **axes, "score": scores}


def _mean(runs: list[RunResults], axis: Axis) -> dict[str, Any] | None:
    """Over finished runs, on their common range: mean, standard deviation, half the width of the mean's interval."""
    curves = [curve(run.records, axis) for run in runs if run.status == "finished"]
    curves = [single for single in curves if len(single.x) and np.isfinite(single.y).all()]
    grid, rows = align(curves, MEAN_POINTS)
    if not curves or not len(grid):
        return None
    seeds = len(curves)
    spread = rows.std(axis=0, ddof=1) if seeds > 1 else np.zeros(len(grid))
    reach = spread / np.sqrt(seeds) * (special.stdtrit(seeds - 1, (1 + CONFIDENCE) / 2) if seeds > 1 else 0.0)
    return {
        "seeds": seeds,
        "x": _rounded(grid),
        "mean": _rounded(rows.mean(axis=0)),
        "spread": _rounded(spread),
        "reach": _rounded(reach),
    }

"""What the page's chart draws: every run's curve, thinned to a screen's width, and each arm's mean."""

from typing import Any

import numpy as np
from scipy import special

from compare.curves import AXES, Axis, Floats, align, curve
from compare.figure import TITLES
from compare.results import Results, RunResults, finite
from metta_puffer.tracking.schema import MetricRecord

MAX_POINTS = 300  # a run; more than a chart has pixels to show
MEAN_POINTS = 120
CONFIDENCE = 0.95
MEASURES = {
    "score": "training return",
    "evaluation/sampled": "held-out maps, sampled actions",
    "evaluation/deterministic": "held-out maps, likeliest actions",
}


def chart_data(results: Results) -> dict[str, Any]:
    measures = [name for name in MEASURES if any(_moments(run, name) for run in results.runs)]
    data = {
        "arms": list(results.arms),
        "axis_titles": TITLES,
        "random_score": results.random_score,
        "measures": {
            name: {
                "runs": [_run(run, name) for run in results.runs],
                "means": {axis: [_mean(results.of(arm), name, axis) for arm in results.arms] for axis in AXES},
            }
            for name in measures
        },
    }
    return finite(data)


def _moments(result: RunResults, name: str) -> list[MetricRecord]:
    moments = result.records if name == "score" else result.evaluations
    return [moment for moment in moments if np.isfinite(moment.values.get(name, np.nan))]


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _run(result: RunResults, name: str) -> dict[str, Any]:
    moments = _moments(result, name)
    if len(moments) > MAX_POINTS:
        moments = [moments[index] for index in np.linspace(0, len(moments) - 1, MAX_POINTS).round().astype(int)]
    axes: dict[str, list[float]] = {axis: _rounded(np.array([getattr(m, axis) for m in moments])) for axis in AXES}
    values = _rounded(np.array([moment.values[name] for moment in moments]))
    return {"arm": result.run.arm, "seed": result.run.seed, "status": result.status, **axes, "score": values}


def _mean(runs: list[RunResults], name: str, axis: Axis) -> dict[str, Any] | None:
    """Over finished runs, on their common range: mean, standard deviation, half the width of the mean's interval."""
    finished = [_moments(run, name) for run in runs if run.status == "finished"]
    curves = [curve(moments, axis, name) for moments in finished if moments]
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

"""What the page's chart draws: every run's curve, thinned to a screen's width, and each arm's mean."""

from typing import Any

import numpy as np
from scipy import special

from compare.arm_style import arm_style
from compare.curves import AXES, Axis, Floats, align, curve, smoothed, with_value
from compare.evaluation import PREFIX
from compare.figure import TITLES
from compare.results import Results, RunResults, finite
from metta_puffer.tracking.schema import MetricRecord

MAX_POINTS = 300  # a run; more than a chart has pixels to show
MEAN_POINTS = 120
CONFIDENCE = 0.95
MEASURES = {
    "smoothed": "training return",
    "score": "unsmoothed",
    "evaluation/sampled": "held-out maps, sampled actions",
    "evaluation/deterministic": "held-out maps, likeliest actions",
}


def shown_measures(results: Results) -> list[str]:
    """Those of MEASURES that some run has."""
    scored = any("score" in record.values for run in results.runs for record in run.records)
    judged = any(run.evaluations for run in results.runs)
    return [name for name in MEASURES if (judged if name.startswith(PREFIX) else scored)]


def chart_data(results: Results) -> dict[str, Any]:
    measures: dict[str, Any] = {}
    for name in shown_measures(results):
        moments = {result.run.run_id: _moments(result, name) for result in results.runs}
        arms = [[moments[r.run.run_id] for r in results.of(arm) if r.status == "finished"] for arm in results.arms]
        measures[name] = {
            "runs": [_run(result, moments[result.run.run_id]) for result in results.runs],
            "means": {axis: [_mean(finished, axis) for finished in arms] for axis in AXES},
        }
    data = {
        "arms": list(results.arms),
        "colours": [arm_style(index).colour for index in range(len(results.arms))],
        "dashes": [arm_style(index).dash_array for index in range(len(results.arms))],
        "axis_titles": TITLES,
        "random_score": results.random_score,
        "measures": measures,
    }
    return finite(data)


def _moments(result: RunResults, measure: str) -> list[MetricRecord]:
    """The moments at which the run has a finite value of the measure, as their only value `score`."""
    if measure == "smoothed":
        moments, name = smoothed(result.records), "score"
    else:
        moments, name = (result.records if measure == "score" else result.evaluations), measure
    values = ((moment, moment.values.get(name, np.nan)) for moment in moments)
    return [with_value(moment, "score", value) for moment, value in values if np.isfinite(value)]


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _run(result: RunResults, moments: list[MetricRecord]) -> dict[str, Any]:
    if len(moments) > MAX_POINTS:
        moments = [moments[index] for index in np.linspace(0, len(moments) - 1, MAX_POINTS).round().astype(int)]
    axes: dict[str, list[float]] = {axis: _rounded(np.array([getattr(m, axis) for m in moments])) for axis in AXES}
    values = _rounded(np.array([moment.values["score"] for moment in moments]))
    return {"arm": result.run.arm, "seed": result.run.seed, "status": result.status, **axes, "score": values}


def _mean(finished: list[list[MetricRecord]], axis: Axis) -> dict[str, Any] | None:
    """Over finished runs, on their common range: mean, standard deviation, half the width of the mean's interval."""
    curves = [curve(moments, axis) for moments in finished if moments]
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

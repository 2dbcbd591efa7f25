"""Learning curves from records, and several of them on one grid. Never extrapolated: a run that stopped early counts
only as far as it came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from metta_puffer.tracking.schema import MetricRecord

Axis = Literal["agent_steps", "wall_seconds", "gradient_updates"]
AXES: tuple[Axis, ...] = ("agent_steps", "wall_seconds", "gradient_updates")
GRID_POINTS = 200
SMOOTHING = 0.05  # of a run's agent-steps

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One run's scores, float [points], over one axis that grows."""

    x: Floats
    y: Floats


def curve(records: Sequence[MetricRecord], axis: Axis = "agent_steps", name: str = "score") -> Curve:
    """The moments that hold a value of `name`; of several at one place the last."""
    moments = {float(getattr(record, axis)): record.values[name] for record in records if name in record.values}
    places = np.array(sorted(moments), dtype=np.float64)
    return Curve(places, np.array([moments[place] for place in places], dtype=np.float64))


def smoothed(records: Sequence[MetricRecord], share: float = SMOOTHING, name: str = "score") -> list[MetricRecord]:
    """The moments that hold `name`, its value replaced by the mean over the moments before, back to `share` of the
    run's agent-steps. For drawing only: a moment often holds the return of a single world's episode."""
    moments = [record for record in records if name in record.values]
    places = np.array([record.agent_steps for record in moments], dtype=np.float64)
    values = np.array([record.values[name] for record in moments])
    reach = share * places[-1] if len(places) else 0.0
    firsts = np.searchsorted(places, places - reach, side="right")
    means = [float(values[first : index + 1].mean()) for index, first in enumerate(firsts)]
    return [with_value(record, name, mean) for record, mean in zip(moments, means, strict=True)]


def with_value(record: MetricRecord, name: str, value: float) -> MetricRecord:
    """The record's moment with this value alone."""
    return MetricRecord(
        record.epoch,
        record.agent_steps,
        record.env_steps,
        record.gradient_updates,
        record.wall_seconds,
        {name: value},
    )


def align(curves: Sequence[Curve | None], points: int = GRID_POINTS) -> tuple[Floats, Floats]:
    """A grid [points] inside the range of every curve, and the curves on it by interpolation, [curves, points].

    None (a run that failed or is missing) and an empty curve give a row of NaN. Without any common range the grid is
    empty.
    """
    present = [c for c in curves if c is not None and len(c.x)]
    low = max((c.x[0] for c in present), default=np.inf)
    high = min((c.x[-1] for c in present), default=-np.inf)
    grid = np.linspace(low, high, points if low < high else 1) if low <= high else np.empty(0)
    rows = np.full((len(curves), len(grid)), np.nan)
    for row, c in zip(rows, curves, strict=True):
        if c is not None and len(c.x):
            row[:] = np.interp(grid, c.x, c.y)
    return grid, rows

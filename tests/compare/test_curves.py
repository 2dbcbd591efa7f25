"""Curves on a common grid: inside every range, never stretched, and a missing run stays visible."""

import numpy as np

from compare.curves import Curve, align, curve, smoothed
from metta_puffer.tracking.schema import MetricRecord


def straight(low: float, high: float, slope: float = 1.0) -> Curve:
    x = np.linspace(low, high, 7)
    return Curve(x, slope * x)


def test_a_curve_takes_the_moments_that_have_the_value():
    records = [
        MetricRecord(1, 10, 5, 1, 0.1, {"losses/policy": 1.0}),
        MetricRecord(2, 20, 10, 2, 0.2, {"score": 3.0}),
        MetricRecord(3, 20, 10, 3, 0.3, {"score": 4.0}),
    ]
    assert curve(records).x.tolist() == [20.0] and curve(records).y.tolist() == [4.0]
    assert curve(records, "gradient_updates").x.tolist() == [2.0, 3.0]


def test_the_grid_lies_inside_every_range_and_values_stay_where_they_were():
    early = straight(10, 60)
    late = straight(0, 100, slope=2.0)
    grid, rows = align([early, late], points=11)
    assert (grid[0], grid[-1]) == (10, 60)
    # A run that stopped early is not stretched to the others' length: at 60 the long one is at 120, not at its end.
    assert np.allclose(rows, [grid, 2 * grid])


def test_a_missing_or_empty_run_is_a_row_of_nan_and_does_not_narrow_the_grid():
    grid, rows = align([straight(0, 100), None, Curve(np.empty(0), np.empty(0))], points=5)
    assert (grid[0], grid[-1]) == (0, 100)
    assert np.isfinite(rows[0]).all() and np.isnan(rows[1:]).all()


def test_a_score_that_is_no_number_is_not_interpolated_away():
    broken = straight(0, 100)
    broken.y[3] = np.nan
    _, rows = align([broken])
    assert np.isnan(rows).any()


def test_ranges_that_do_not_meet_have_no_grid():
    grid, rows = align([straight(0, 10), straight(20, 30)])
    assert not len(grid) and rows.shape == (2, 0)
    grid, rows = align([straight(0, 10), straight(10, 20)])
    assert grid.tolist() == [10.0] and rows.shape == (2, 1)
    assert not len(align([])[0])


def test_smoothing_takes_the_mean_over_a_share_of_the_run_before_each_moment():
    records = [MetricRecord(e, 10 * e, e, e, e, {"score": float(e)} if e % 2 else {}) for e in range(1, 12)]
    drawn = smoothed(records, share=40 / 110)
    assert [moment.agent_steps for moment in drawn] == [10, 30, 50, 70, 90, 110]
    # Each over the moments less than 40 agent-steps before it: itself and the one before.
    assert [moment.values["score"] for moment in drawn] == [1, 2, 4, 6, 8, 10]
    assert smoothed([]) == []

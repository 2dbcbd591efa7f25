"""An observation radius together with territory tokens: one below the window's corrupts the heap of the wheel.

Where it is not below the window's, both engines agree. Where it is, ours sees what a window of that radius sees.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.parity.case import Case
from tests.parity.engines import compare_case, open_native, open_published
from tests.parity.lockstep import Progress, Report
from tests.parity.processes import Oracle
from tests.parity.zoo.base import case, config, const, observing
from tests.parity.zoo.territory import LAND, LEGEND, ROWS, post, teams

GLOBAL = 0xFE


def land(width: int, height: int, radius: Any = None) -> Case:
    objects = {"r": post("red"), "b": post("blue", 4, 2)}
    obs = observing(width, height, 400, territory=True, observation_radius_value=radius)
    cfg = config(2, agents=teams(), objects=objects, territories={"land": LAND}, obs=obs)
    return case(cfg, ROWS, LEGEND, env_steps=60)


@pytest.mark.parametrize("radius", [6, 7, 100, 1e9])
def test_a_radius_not_below_the_windows_is_as_the_wheels(oracle: Oracle, radius: float) -> None:
    report = oracle.call(compare_case, land(13, 13, const(radius)))
    assert isinstance(report, Report) and report.mismatch is None, report


def observations(case: Case, engine: str, progress: Progress) -> list[npt.NDArray[np.uint8]]:
    world = (open_published if engine == "published" else open_native)(case)
    seen = [world.observations.copy()]
    for actions in case.actions:
        world.step(actions, None)
        seen.append(world.observations.copy())
    return seen


def shifted(tokens: npt.NDArray[np.uint8], by: int) -> npt.NDArray[np.uint8]:
    """As a window larger by that radius writes them."""
    moved = tokens.copy()
    moved[..., 0] += np.where(tokens[..., 0] < GLOBAL, 0x11 * by, 0).astype(np.uint8)
    return moved


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4])
def test_a_smaller_radius_sees_what_a_smaller_window_sees(oracle: Oracle, radius: int) -> None:
    ours = oracle.call(observations, land(13, 13, const(radius)), "native")
    side = 2 * radius + 1
    wheels = oracle.call(observations, land(side, side), "published")
    assert any((tokens[..., 0] < GLOBAL).any() for tokens in wheels)
    for got, wanted in zip(ours, wheels, strict=True):
        np.testing.assert_array_equal(got, shifted(wanted, 6 - radius))

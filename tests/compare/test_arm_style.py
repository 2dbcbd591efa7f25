"""The colours of arms for eyes that lack one kind of cone: Machado, Oliveira and Fernandes (2009), full severity."""

from itertools import combinations

import numpy as np
import pytest

from compare.arm_style import COLOURS, DASHES, arm_style

SEEN = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
JUST_NOTICEABLE = 2.3  # CIE 1976 difference (Mahy, Van Eycken and Oosterlinck 1994)


def linear(colour):
    shares = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", SEEN)
def test_every_two_arms_are_told_apart_by_every_kind_of_eye(eyes):
    seen = [lab(np.array(SEEN[eyes]) @ linear(colour)) for colour in COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 5 * JUST_NOTICEABLE


def test_every_two_of_the_first_arms_have_other_dashes_and_later_ones_no_look_of_an_earlier():
    assert len({arm_style(index).dashes for index in range(len(DASHES))}) == len(DASHES)
    looks = {(arm_style(index).colour, arm_style(index).dash_array) for index in range(16)}
    assert len(looks) == 16

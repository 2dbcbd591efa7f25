"""The compiled advantage kernel's argument checks; its numbers are checked in tests/native."""

import numpy as np
import pytest

from metta_puffer import _engine


def rows(shape: tuple[int, ...] = (2, 4), dtype: type = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def test_wrong_shape_names_the_array_and_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"dones has shape \(2, 3\), expected \(2, 4\)"):
        _engine.compute_advantages(rows(), rows(), rows((2, 3)), rows(), rows(), 0.9, 0.9, 1.0, 1.0)


@pytest.mark.parametrize("bad", [rows(dtype=np.float64), rows((4, 2)).T, [[0.0] * 4] * 2])
def test_wrong_dtype_or_layout_is_refused_rather_than_copied(bad: object) -> None:
    with pytest.raises(TypeError):
        _engine.compute_advantages(rows(), rows(), rows(), rows(), bad, 0.9, 0.9, 1.0, 1.0)


def test_last_column_is_left_alone() -> None:
    advantages = np.full((2, 4), 7, np.float32)
    _engine.compute_advantages(rows() + 1, rows() + 1, rows(), rows() + 1, advantages, 0.9, 0.9, 1.0, 1.0)
    assert (advantages[:, -1] == 7).all() and (advantages[:, :-1] != 7).all()

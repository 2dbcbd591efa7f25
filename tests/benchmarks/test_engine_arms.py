"""What the engine's benchmark makes agents do."""

import numpy as np
import pytest

from benchmarks.engine_arms import native_arm, stepper_of
from benchmarks.engine_games import arena


def test_actions_go_on_from_call_to_call() -> None:
    """The same few again and again would drive agents into corners, the more the shorter the calls."""
    played: list[np.ndarray] = []
    stepper = stepper_of(lambda chosen: played.append(chosen.copy()), rows=8)
    for env_steps in (1, 2, 3):
        stepper(env_steps)
    assert len(played) == 6
    assert len({actions.tobytes() for actions in played}) == 6
    assert all(actions.dtype == np.int32 and set(actions) <= set(range(5)) for actions in played)


def test_agents_see_as_much_however_often_they_are_measured() -> None:
    arm = native_arm(arena(24, 11, 200), worlds=16, num_threads=1)
    for _ in range(3):
        arm.measure(seconds=0.0)
    few = np.mean(arm.tokens)
    for _ in range(200):
        arm.stepper(2)
    arm.begin = lambda: None
    arm.measure(seconds=0.0)
    assert arm.tokens[-1] == pytest.approx(few, rel=0.1)
    arm.close()

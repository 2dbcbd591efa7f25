"""What a round's numbers are called, and which of them are refused."""

from collections import defaultdict

import pytest

from metta_puffer.errors import UserError
from metta_puffer.puffer.measure import STAGES, StageClock, environment_values, loss_values


def test_statistics_are_means_and_those_that_are_no_numbers_are_left_out() -> None:
    stats = {"episode_return": [1.0, 2.0], "agent/heart.gained": [3], "map": ["a", "b"], "none": [], "bad": [1e400]}
    assert environment_values(stats) == {
        "environment/episode_return": 1.5,
        "environment/agent/heart.gained": 3.0,
        "score": 1.5,
    }


def test_explained_variance_may_be_undefined_and_nothing_else() -> None:
    assert loss_values({"policy_loss": 1.0, "explained_variance": float("nan")}) == {"losses/policy_loss": 1.0}
    with pytest.raises(UserError, match="learning diverged: losses/policy_loss is nan"):
        loss_values({"policy_loss": float("nan"), "explained_variance": 0.0})


def test_stage_clock_gives_the_seconds_since_the_last_reading() -> None:
    class Profile:
        frequency = 5

        def __init__(self) -> None:
            self.profiles: defaultdict[str, dict[str, float]] = defaultdict(lambda: {"elapsed": 0.0})

        def __getattr__(self, name: str) -> dict[str, float]:
            return self.profiles[name]

    profile = Profile()
    clock = StageClock(profile)
    assert profile.frequency == 1
    profile.profiles["learn"]["elapsed"] = 2.0
    assert clock.lap() == dict.fromkeys((f"seconds/{name}" for name in STAGES.values()), 0.0) | {
        "seconds/update_backward": 2.0
    }
    profile.profiles["learn"]["elapsed"] = 2.5
    assert clock.lap()["seconds/update_backward"] == 0.5

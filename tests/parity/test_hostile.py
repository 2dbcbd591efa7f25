"""Hostile games: no crash, no hang, no world that the wheel refuses or would have run otherwise."""

import os

import pytest
from mettagrid.config.game_value import ConstValue

from tests.parity.engines import open_native, open_published
from tests.parity.hostile import spoil
from tests.parity.lockstep import Progress, Report, run_lockstep
from tests.parity.processes import Died, map_cases
from tests.parity.test_traps import play

FIRST_SEED = 40_000_000
WORKERS = 2


def play_spoilt(seed: int, engine: str, progress: Progress) -> str:
    return play(spoil(seed)[0], engine, progress)


def compare_spoilt(seed: int, progress: Progress) -> Report:
    return run_lockstep(spoil(seed)[0], open_published, open_native, progress)


def kind_of(outcome: str) -> str:
    """'ran', or stage and class of the error."""
    return ": ".join(outcome.split(": ")[:2])


# What ours alone refuses (UnsupportedGame names why), or refuses with a better word than a failed assertion.
OURS = ("UnsupportedGame",)
# Where the wheel looks away: cells beyond the first row's length, moves in directions that there are not.
STRICTER = ("construction: ValueError: map row", "game.actions.move.allowed_directions")
UNUSABLE = (
    "AssertionError",
    "AttributeError",
    "IndexError",
    "KeyError",
    "PydanticSerializationError",
    "TypeError",
    "ValidationError",
    "ValueError",
)


def verdict(seed: int, native: object, published: object) -> str:
    """'' when ours did well."""
    if isinstance(native, Died):
        return f"ours {native}"
    if isinstance(published, Died):
        return ""  # docs/parity.md: there ours may refuse or run
    a, b = kind_of(str(native)), kind_of(str(published))
    if a == b or a.endswith(OURS) or any(words in str(native) for words in STRICTER):
        return ""
    both_at_construction = a.startswith("construction: ") and b.startswith("construction: ")
    if both_at_construction and a.endswith(UNUSABLE) and b.endswith(UNUSABLE):
        return ""
    return f"ours: {native}\n    wheel: {published}"


def undefined(seed: int) -> bool:
    """Whether the wheel may write beyond its memory in an observation (test_radius_and_territory.py)."""
    obs = spoil(seed)[0].config.game.obs
    radius = obs.observation_radius_value
    whole = isinstance(radius, ConstValue) and radius.value >= max(obs.width, obs.height) // 2
    return bool(obs.territory) and radius is not None and not whole


def hunt(seeds: range, limit_seconds: float = 20.0) -> list[str]:
    arguments = ((seed, engine) for seed in seeds for engine in ("native", "published"))
    outcomes = dict(map_cases(play_spoilt, arguments, WORKERS, limit_seconds))
    bad, both_ran = [], []
    for seed in seeds:
        native, published = outcomes[seed, "native"], outcomes[seed, "published"]
        if wrong := verdict(seed, native, published):
            bad.append(f"{seed}: {spoil(seed)[1]}\n    {wrong}")
        elif native == published == "ran" and not undefined(seed):
            both_ran.append(seed)
    for (seed,), report in map_cases(compare_spoilt, ((seed,) for seed in both_ran), WORKERS, limit_seconds):
        if isinstance(report, Died) or report.mismatch:
            bad.append(f"{seed}: {spoil(seed)[1]}\n    {report}")
    return bad


def test_a_slice_of_hostile_games() -> None:
    bad = hunt(range(FIRST_SEED, FIRST_SEED + 20))
    assert not bad, "\n".join(bad)


@pytest.mark.long
@pytest.mark.timeout(0)  # as long as HOSTILE_GAMES asks for; every game has a limit of its own
def test_many_hostile_games() -> None:
    bad = hunt(range(FIRST_SEED + 1000, FIRST_SEED + 1000 + int(os.environ.get("HOSTILE_GAMES", "2000"))))
    assert not bad, "\n".join(bad)

"""The games of this project on both engines: a slice here, whole episodes in the long tests."""

from typing import Any

import numpy as np
import pytest

from metta_puffer.games import game_options, list_games, make_game
from tests.parity.case import Case
from tests.parity.engines import compare_case
from tests.parity.lockstep import Progress, Report
from tests.parity.processes import Oracle

AGENTS = [1, 3, 4, 8, 24, 64]


def flags_of(game: str) -> list[dict[str, Any]]:
    """No options, and each option that is a switch turned over."""
    switches = [{name: not value} for name, value in game_options(game).items() if isinstance(value, bool)]
    return [{}, *switches]


VARIANTS = [(game, options) for game in list_games() for options in flags_of(game)]


def game_case(game: str, agents: int, options: dict[str, Any], env_steps: int | None, seed: int) -> Case:
    """Random actions for `env_steps`, or for a whole episode and 5 steps more when None."""
    config = make_game(game, agents, **options)
    length = config.game.max_steps + 5 if env_steps is None else env_steps
    rng = np.random.default_rng(seed)
    moves = len(config.game.actions.move.allowed_directions)
    vibes = config.game.actions.change_vibe
    shape = (length, agents)
    actions = rng.integers(0, 1 + moves, shape)
    # Steps in one direction carry agents across the map.
    actions = np.where(rng.random(shape) < 0.5, np.roll(actions, 1, axis=0), actions)
    spoken = np.zeros(shape, dtype=np.int64)
    if vibes.enabled and vibes.vibes:
        spoken = rng.integers(1 + moves, 1 + moves + len(vibes.vibes) % 256, shape)
    vibe_actions = np.where(rng.random(shape) < 0.1, spoken, 0)
    return Case(f"{game}.{agents}", config, None, actions.astype(np.int32), vibe_actions.astype(np.int32), seed=seed)


def compare_game(
    game: str, agents: int, options: dict[str, Any], env_steps: int | None, seed: int, progress: Progress
) -> Report:
    return compare_case(game_case(game, agents, options, env_steps, seed), progress)


@pytest.mark.parametrize(("game", "options"), VARIANTS, ids=str)
@pytest.mark.parametrize("agents", [1, 4, 24])
def test_the_first_steps_agree(oracle: Oracle, game: str, options: dict[str, Any], agents: int) -> None:
    report = oracle.call(compare_game, game, agents, options, 60, 1000 + agents)
    assert isinstance(report, Report), report
    assert report.mismatch is None, str(report)
    assert report.failure is None, str(report)
    assert report.agent_steps == 60 * agents


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("game", "options"), VARIANTS, ids=str)
@pytest.mark.parametrize("agents", AGENTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_whole_episodes_agree(oracle: Oracle, game: str, options: dict[str, Any], agents: int, seed: int) -> None:
    report = oracle.call(compare_game, game, agents, options, None, seed, limit_seconds=1500.0)
    assert isinstance(report, Report), report
    assert report.mismatch is None, str(report)
    assert report.failure is None or "budget" in report.failure.text, str(report)

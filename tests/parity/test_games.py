"""The games of this project on both engines: a slice here, whole episodes in the long tests."""

from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from mettagrid.builder import envs

from metta_puffer.games import arena, list_games, make_game, navigation
from tests.parity.case import Case
from tests.parity.engines import compare_case
from tests.parity.lockstep import Progress, Report
from tests.parity.processes import Oracle

AGENTS = [1, 3, 4, 8, 24, 64]


OPTIONS = {"arena": arena.ArenaOptions, "navigation": navigation.NavigationOptions}
MOST_AGENTS = {"arena": arena.MAX_AGENTS, "navigation": navigation.MAX_AGENTS}
# Games that mettagrid brings along, as other people's configs are made from them.
PUBLISHED = {"mettagrid.arena": envs.make_arena, "mettagrid.navigation": envs.make_navigation}


def variants() -> list[tuple[str, dict[str, Any]]]:
    """Every game plainly, and once for each value of its options that choose among few."""
    found: list[tuple[str, dict[str, Any]]] = [(game, {}) for game in [*OPTIONS, *PUBLISHED]]
    for game, options in OPTIONS.items():
        for name, info in options.model_fields.items():
            few = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
            choices = (False, True) if info.annotation is bool else few
            found += [(game, {name: choice}) for choice in choices if choice != info.default]
    return found


VARIANTS = variants()


def test_every_game_of_the_project_is_here() -> None:
    assert sorted(OPTIONS) == list_games()


def game_case(game: str, agents: int, options: dict[str, Any], env_steps: int | None, seed: int) -> Case:
    """Random actions for `env_steps`, or for a whole episode and 5 steps more when None."""
    config = PUBLISHED[game](agents) if game in PUBLISHED else make_game(game, agents, **options)
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


def compare_game(arguments: tuple[Any, ...], progress: Progress) -> Report:
    return compare_case(game_case(*arguments), progress)


@pytest.mark.parametrize(("game", "options"), VARIANTS, ids=str)
@pytest.mark.parametrize("agents", [1, 4, 24])
def test_the_first_steps_agree(oracle: Oracle, game: str, options: dict[str, Any], agents: int) -> None:
    report = oracle.call(compare_game, (game, agents, options, 60, 1000 + agents))
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
    agents = min(agents, MOST_AGENTS.get(game, agents))
    report = oracle.call(compare_game, (game, agents, options, None, seed), limit_seconds=1500.0)
    assert isinstance(report, Report), report
    assert report.mismatch is None, str(report)
    assert report.failure is None or "budget" in report.failure.text, str(report)

"""Many worlds on threads, two groups in flight at once: the zoo against as many published worlds, hostile games against
one thread.

What worlds share shows here, most of all under TSan (`make sanitize-thread`): the other parity tests step one world,
which starts no thread.
"""

import marshal
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from metta_puffer import _engine
from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.compile import compile_game
from metta_puffer.engine.maps import build_grid
from metta_puffer.engine.published import PublishedGame, end_on_game_stats
from tests.parity.case import Case
from tests.parity.hostile import spoil
from tests.parity.lockstep import Progress, attempt
from tests.parity.processes import Oracle
from tests.parity.test_episodes import ZOO
from tests.parity.test_hostile import FIRST_SEED
from tests.parity.zoo import WORLDS

NUM_WORLDS = 4
ARRAYS = ("observations", "rewards", "terminals", "truncations")
# A slice here, all of it under TSan. What the errors' worlds show is how a world ends.
STEPPED = [
    pytest.param(name, marks=() if name in ZOO else pytest.mark.long)
    for name in WORLDS
    if not name.startswith("errors.")
]

Played = list[tuple[bytes, ...]]  # ARRAYS by env step, at last the statistics


def seed_of(case: Case, world: int) -> int:
    return (case.seed + world) % 2**32


def env_steps(case: Case) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
    """Actions and vibe actions of all worlds' rows: the case's own in world 0, in the others from a later one on."""
    vibe_actions = np.zeros_like(case.actions) if case.vibe_actions is None else case.vibe_actions
    streams = (
        np.concatenate([np.roll(own, -7 * world, axis=0) for world in range(NUM_WORLDS)], axis=1)
        for own in (case.actions, vibe_actions)
    )
    return zip(*streams, strict=True)


def written(buffers: WorldBuffers) -> tuple[bytes, ...]:
    return tuple(getattr(buffers, name).tobytes() for name in ARRAYS)


def play_on_threads(case: Case, num_threads: int = 2, num_groups: int = 2) -> tuple[Played, list[Any]]:
    """What the worlds wrote, and which failed. Nothing is compared on the way: threads that wait for Python between two
    steps would fall asleep and find all work done by the caller.
    """
    game = compile_game(case.config)
    cells = game.compile_map(build_grid(case.config, case.seed) if case.grid is None else case.grid)
    batch = _engine.Batch(game.compiled, NUM_WORLDS, num_threads, num_groups)
    buffers = WorldBuffers.zeros(case.config, NUM_WORLDS)
    batch.attach(*vars(buffers).values())
    built = _engine.CompiledMap(game.compiled, cells)
    for world in range(NUM_WORLDS):
        batch.begin_episode(world, built, seed_of(case, world))
    played, failures = [], []
    for actions, vibe_actions in env_steps(case):
        buffers.actions[:], buffers.vibe_actions[:] = actions, vibe_actions
        for group in range(num_groups):
            batch.step_async(group)
        for group in reversed(range(num_groups)):
            failures += batch.wait(group)
        played.append(written(buffers))
    ends = [batch.episode_stats(world) for world in range(NUM_WORLDS)]
    batch.close()
    return [*played, (marshal.dumps(ends, 2),)], failures


def play_published(case: Case) -> Played:
    game, agents = PublishedGame(case.config), case.config.game.num_agents
    grid = build_grid(case.config, case.seed) if case.grid is None else case.grid
    buffers = WorldBuffers.zeros(case.config, NUM_WORLDS)
    worlds = []
    for world in range(NUM_WORLDS):
        rows = slice(world * agents, (world + 1) * agents)
        simulation = game.build(grid, seed_of(case, world))
        order = ("observations", "terminals", "truncations", "rewards", "actions", "vibe_actions")
        simulation.set_buffers(*(getattr(buffers, name)[rows] for name in order))
        worlds.append((simulation, buffers.truncations[rows]))
    thresholds = dict(case.config.game.end_episode_on_game_stats)
    played: Played = []
    for actions, vibe_actions in env_steps(case):
        buffers.actions[:], buffers.vibe_actions[:] = actions, vibe_actions
        for simulation, truncations in worlds:
            simulation.step()
            end_on_game_stats(simulation, thresholds, truncations)
        played.append(written(buffers))
    ends = [dict(simulation.get_episode_stats()) for simulation, _ in worlds]
    return [*played, (marshal.dumps(ends, 2),)]


def compare_with_published(name: str, progress: Progress) -> str:
    """'' or where they differ."""
    case = WORLDS[name]()
    expected = play_published(case)
    got, failures = play_on_threads(case)
    if failures:
        return str(failures)
    for env_step, (theirs, ours) in enumerate(zip(expected, got, strict=True), start=1):
        different = [name for name, a, b in zip(ARRAYS, theirs, ours, strict=False) if a != b]
        if different:
            return f"{different[0]} at env step {env_step}" if len(theirs) > 1 else "episode_stats"
    return ""


@pytest.mark.parametrize("name", STEPPED)
def test_worlds_on_threads_are_published_worlds(oracle: Oracle, name: str) -> None:
    assert oracle.call(compare_with_published, name) == ""


def compare_hostile_games(seeds: range, progress: Progress) -> list[str]:
    """What differs between one thread and several; last, how many games could be played."""
    different, playable = [], 0
    for seed in seeds:
        case, spoilt = spoil(seed)
        progress(f"{seed}: {spoilt}")
        (plain, error), (threaded, other) = (attempt(lambda c=case, n=n: play_on_threads(c, n, n)) for n in (1, 2))
        if (plain, error) != (threaded, other):
            different.append(f"{seed}: {spoilt}")
        playable += plain is not None
    return [*different, str(playable)]


def test_hostile_games_care_for_no_thread(oracle: Oracle) -> None:
    *different, playable = oracle.call(compare_hostile_games, range(FIRST_SEED, FIRST_SEED + 40))
    assert not different
    assert int(playable) > 20, "most hostile games are refused: this test plays too few"

"""Worlds that no cache holds are asked for ahead (cpp/world/prefetch); that changes nothing of what they do."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from mettagrid.config.mettagrid_config import MettaGridConfig

from benchmarks.engine import busy_game
from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.native import NativeBatch
from metta_puffer.games import make_game
from tests.engine.batches import copies

FEW_BYTES = 8 << 20  # kFewBytes of cpp/batch/batch.cpp: below, nothing is asked for
WORLDS, ENV_STEPS, MAX_STEPS = 400, 30, 20
EMPTY = 7  # begins no episode


def few_agents() -> MettaGridConfig:
    """Four agents, whose windows do not cover the map: only what is around each is asked for."""
    return make_game("arena", 4)


def everything_is_read() -> MettaGridConfig:
    """24 agents, areas, territory, ticks and events."""
    return busy_game()


def played(config: MettaGridConfig, at_once: int) -> tuple[list[list[npt.NDArray[np.generic]]], int]:
    """What WORLDS worlds have written at their end, stepped `at_once` together, and the bytes of the first of them."""
    shape = (ENV_STEPS, WORLDS, config.game.num_agents)
    actions = np.random.default_rng(0).integers(-1, 7, shape, dtype=np.int32)  # none has the index -1
    seen, bytes_of_one = [], 0
    for first in range(0, WORLDS, at_once):
        buffers = WorldBuffers.zeros(config, at_once)
        batch = NativeBatch(config, at_once, buffers, map_pool=2)
        for world in range(at_once):
            number = first + world
            if number == EMPTY:
                continue
            batch.begin_episode(world, number, number % 2)
            batch.set_next_episode(world, WORLDS + number, number % 2)
            if number % 3 == 0:
                batch.end_early(world, 5 + number % 7)
        for env_step in range(ENV_STEPS):
            buffers.actions[:] = actions[env_step, first : first + at_once].ravel()
            batch.step()
        seen.append(copies(buffers))
        bytes_of_one = max(bytes_of_one, batch.world_bytes(0))
        batch.close()
    return seen, bytes_of_one


@pytest.mark.parametrize("game", [few_agents, everything_is_read])
def test_worlds_in_memory_do_what_worlds_in_caches_do(game: Callable[[], MettaGridConfig]) -> None:
    config = game()
    config.game.max_steps = MAX_STEPS
    together, bytes_of_one = played(config, WORLDS)
    assert WORLDS * bytes_of_one > FEW_BYTES
    few, _ = played(config, 16)
    assert 16 * bytes_of_one < FEW_BYTES
    for index, array in enumerate(together[0]):
        np.testing.assert_array_equal(array, np.concatenate([part[index] for part in few]))

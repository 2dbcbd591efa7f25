"""What tests of many native worlds begin with."""

from typing import Any

import numpy as np
import numpy.typing as npt

from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.native import NativeBatch
from metta_puffer.games import make_game

WORLDS, GROUPS = 6, 2


def copies(buffers: WorldBuffers) -> list[npt.NDArray[Any]]:
    return [array.copy() for array in (buffers.observations, buffers.rewards, buffers.terminals, buffers.truncations)]


def begun(num_threads: int = 2, worlds: int = WORLDS, groups: int = GROUPS) -> tuple[NativeBatch, WorldBuffers]:
    config = make_game("arena", 3, max_steps=1000)
    buffers = WorldBuffers.zeros(config, worlds)
    buffers.actions[:] = np.random.default_rng(0).integers(0, 5, len(buffers.actions))
    batch = NativeBatch(config, worlds, buffers, num_threads, num_groups=groups)
    for world in range(worlds):
        batch.begin_episode(world, world, world)
    return batch, buffers


def expected_after(env_steps: int, worlds: int = WORLDS) -> list[npt.NDArray[Any]]:
    batch, buffers = begun(num_threads=1, worlds=worlds)
    for _ in range(env_steps):
        batch.step()
    return copies(buffers)


def assert_same(buffers: WorldBuffers, expected: list[npt.NDArray[Any]]) -> None:
    for got, wanted in zip(copies(buffers), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)

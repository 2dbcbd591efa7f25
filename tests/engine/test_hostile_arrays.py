"""Every array that the engine reads or writes in place, spoilt in every way that numpy has: refused and untouched."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from metta_puffer import MettaPufferEnv, _engine
from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.compile import compile_game
from metta_puffer.games import make_game

AGENTS = 3
Array = npt.NDArray[Any]
DTYPES = ["i1", "u1", "i2", "i8", "u4", "f2", "f8", "c8", "?", ">i4", ">f4", "O", "S3", "U2", "M8[s]"]


def other_dtype(array: Array, draw: random.Random) -> Any:
    dtype = draw.choice([name for name in DTYPES if np.dtype(name) != array.dtype])
    return np.zeros(array.shape, dtype=dtype)


def other_shape(array: Array, draw: random.Random) -> Any:
    shapes = [
        (),
        (0, *array.shape[1:]),
        (array.shape[0] + 1, *array.shape[1:]),
        (array.shape[0] - 1, *array.shape[1:]),
        (*array.shape, 1),
        (1, *array.shape),
        (array.size + 1,),
    ]
    return np.zeros(draw.choice([shape for shape in shapes if shape != array.shape]), dtype=array.dtype)


def other_strides(array: Array, draw: random.Random) -> Any:
    wide = np.zeros((2 * array.shape[0], *array.shape[1:]), dtype=array.dtype)
    column = np.zeros((*array.shape, 2), dtype=array.dtype)
    return draw.choice([wide[::2], array[::-1], column[..., 0], np.broadcast_to(array[:1], array.shape)])


def unaligned(array: Array, draw: random.Random) -> Any:
    if array.itemsize == 1:
        return other_dtype(array, draw)
    memory = bytearray(array.nbytes + 1)
    return np.frombuffer(memory, dtype=array.dtype, count=array.size, offset=1).reshape(array.shape)


def no_array(array: Array, draw: random.Random) -> Any:
    return draw.choice([array.tolist(), torch.from_numpy(array), 7, "actions", array.tobytes(), memoryview(array)])


SPOILERS: list[Callable[[Array, random.Random], Any]] = [other_dtype, other_shape, other_strides, unaligned, no_array]


def spoilt(array: Array, written: bool, draw: random.Random) -> tuple[str, Any]:
    if written and draw.random() < 0.2:
        read_only = array.copy()
        read_only.flags.writeable = False
        return "read_only", read_only
    spoiler = draw.choice(SPOILERS)
    return spoiler.__name__, spoiler(array, draw)


def check(seed: int, call: Callable[..., Any], arrays: dict[str, Array], written: set[str]) -> None:
    """Calls with one array spoilt. Those beside it are as before."""
    draw = random.Random(seed)
    name = draw.choice(list(arrays))
    kind, hostile = spoilt(arrays[name], name in written, draw)
    before = {key: array.tobytes() for key, array in arrays.items()}
    with pytest.raises((TypeError, ValueError)):
        call(**(arrays | {name: hostile}))
        pytest.fail(f"{kind} {name} was accepted: {hostile!r:.200}")
    assert {key: array.tobytes() for key, array in arrays.items()} == before


@pytest.fixture(scope="module")
def game() -> Any:
    return compile_game(make_game("arena", AGENTS))


def filled(seed: int) -> dict[str, Array]:
    """Buffers of one world that hold no zeroes, so that a write shows."""
    arrays: dict[str, Array] = dict(vars(WorldBuffers.zeros(make_game("arena", AGENTS), 1)))
    for array in arrays.values():
        array[...] = 1
    return arrays


ROUNDS = range(60)
WRITTEN = {"observations", "rewards", "terminals", "truncations"}


def test_buffers_of_a_batch(game: Any) -> None:
    arrays = filled(0)
    for seed in ROUNDS:
        check(seed, _engine.Batch(game.compiled, 1, 1, 1).attach, arrays, WRITTEN)


def test_buffers_and_actions_of_a_world(game: Any) -> None:
    cells = game.compile_map([["agent.agent"] * AGENTS])
    arrays = filled(0)
    actions = {name: arrays.pop(name) for name in ("actions", "vibe_actions")}
    for seed in ROUNDS:
        world = _engine.World(game.compiled, cells, 0)
        check(seed, world.attach, arrays, WRITTEN)
        world.attach(*arrays.values())
        check(seed, world.step, actions, set())
        assert world.current_step == 0


def test_cells_of_a_map(game: Any) -> None:
    cells = game.compile_map([["agent.agent"] * AGENTS, ["wall"] * AGENTS])
    accepted = {"other_shape", "read_only"}  # a map may have any size
    for seed in ROUNDS:
        kind, hostile = spoilt(cells, True, random.Random(seed))
        if kind in accepted:
            continue
        with pytest.raises((TypeError, ValueError)):
            _engine.CompiledMap(game.compiled, hostile)
    for size in ((0, 3), (3, 0), (0,), (1, 2, 3)):
        with pytest.raises(ValueError, match="map cells"):
            _engine.CompiledMap(game.compiled, np.zeros(size, dtype=np.int16))


def test_arrays_of_the_advantage_kernel() -> None:
    names = ["values", "rewards", "dones", "importance_ratios", "advantages"]
    arrays = {name: np.ones((4, 6), dtype=np.float32) for name in names}

    def call(**given: Any) -> None:
        _engine.compute_advantages(*given.values(), 0.9, 0.9, 1.0, 1.0)

    for seed in ROUNDS:
        check(seed, call, arrays, {"advantages"})
    for shape in ((0, 0), (0, 6), (4, 0), (4, 1)):
        _engine.compute_advantages(*(np.zeros(shape, dtype=np.float32) for _ in names), 0.9, 0.9, 1.0, 1.0)
    for number in (np.nan, np.inf, -np.inf):
        hostile = [np.full((4, 6), number, dtype=np.float32) for _ in names]
        _engine.compute_advantages(*hostile, number, number, number, number)
        assert (hostile[-1][:, -1] == number).all() or np.isnan(hostile[-1][:, -1]).all()


@pytest.mark.parametrize(
    "actions",
    [
        np.zeros(1, dtype=np.int32),
        np.zeros((AGENTS, 1), dtype=np.int32),
        np.zeros((1, AGENTS), dtype=np.int32),
        np.zeros(AGENTS + 1, dtype=np.int32),
        np.zeros((), dtype=np.int32),
        np.full(AGENTS, 2**32, dtype=np.int64),
        np.full(AGENTS, -(2**32), dtype=np.int64),
        np.full(AGENTS, 2**32 - 1, dtype=np.uint32),
        np.full(AGENTS, 2**63, dtype=np.uint64),
        np.zeros(AGENTS, dtype=np.float32),
        np.full(AGENTS, np.nan),
    ],
    ids=lambda array: f"{array.dtype} {array.shape} {array.flat[0]}",
)
@pytest.mark.parametrize("vibes", [False, True])
def test_actions_of_an_environment(actions: Array, vibes: bool) -> None:
    config = make_game("arena", AGENTS)
    if vibes:
        config.game.actions.change_vibe = type(config.game.actions.change_vibe)()
    env = MettaPufferEnv(config)
    env.reset(seed=1)
    before = env.observations.copy()
    with pytest.raises((TypeError, ValueError)):
        env.step(actions)
    np.testing.assert_array_equal(env.observations, before)
    assert env._batch.episode_stats(0)["agent"][0].get("action.invalid_index") is None
    env.step(np.zeros(AGENTS, dtype=np.int64))
    env.close()


@pytest.mark.parametrize(
    ("agent", "amounts"),
    [(agent, {0: 1}) for agent in (AGENTS, -1, 2**32)]
    + [(0, {resource: 1}) for resource in (200, -1, 256)]
    + [(0, {0: amount}) for amount in (-1, 65536)],
    ids=str,
)
def test_inventories_set_by_ids_that_are_none(game: Any, agent: int, amounts: dict[int, int]) -> None:
    world = _engine.World(game.compiled, game.compile_map([["agent.agent"] * AGENTS]), 0)
    before = world.object_records()
    with pytest.raises((IndexError, TypeError)):
        world.set_inventory(agent, list(amounts.items()))
    assert world.object_records() == before

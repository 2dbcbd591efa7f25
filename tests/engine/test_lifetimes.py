"""What outlives what: buffers, batches that go while they step, worlds that could not be made, the interpreter."""

import gc
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from metta_puffer import _engine
from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.compile import compile_game
from metta_puffer.games import make_game
from tests.engine.batches import WORLDS, assert_same, begun, expected_after


def test_buffers_outlive_their_owner() -> None:
    batch, buffers = begun()
    observations = buffers.observations
    del buffers
    batch._buffers = None  # type: ignore[assignment]
    gc.collect()
    batch.step()
    np.testing.assert_array_equal(observations, expected_after(1)[0])


def test_a_batch_keeps_the_buffers_it_began_with() -> None:
    batch, buffers = begun()
    other = WorldBuffers.zeros(make_game("arena", 3), WORLDS)
    with pytest.raises(ValueError, match="attached already"):
        batch._batch.attach(*vars(other).values())
    batch.step()
    assert_same(buffers, expected_after(1))


class Lookalike:
    """Made into an array by numpy, one that nobody keeps."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> npt.NDArray[np.int32]:
        return np.zeros(3, dtype=np.int32)


def unaligned(rows: int) -> npt.NDArray[np.int32]:
    return np.frombuffer(bytearray(4 * rows + 1), dtype=np.int32, count=rows, offset=1)


@pytest.mark.parametrize("actions", [Lookalike(), [0, 0, 0], unaligned(3)], ids=["lookalike", "list", "unaligned"])
def test_what_is_no_usable_array_is_refused(actions: Any) -> None:
    game = compile_game(make_game("arena", 3))
    cells = game.compile_map([["agent.agent"] * 3])
    world = _engine.World(game.compiled, cells, 0)
    buffers = WorldBuffers.zeros(make_game("arena", 3), 1)
    world.attach(buffers.observations, buffers.rewards, buffers.terminals, buffers.truncations)
    with pytest.raises((TypeError, ValueError), match=r"actions|incompatible"):
        world.step(actions, None)
    with pytest.raises((TypeError, ValueError), match="vibe_actions"):
        world.step(buffers.actions, actions)
    assert world.current_step == 0
    batch = _engine.Batch(game.compiled, 1, 1, 1)
    arrays = list(vars(buffers).values())
    for index in (4, 5):
        hostile = [*arrays[:index], actions, *arrays[index + 1 :]]
        with pytest.raises((TypeError, ValueError), match=r"actions|incompatible"):
            batch.attach(*hostile)


def test_a_world_that_could_not_be_made_shows_nothing() -> None:
    config = make_game("arena", 3)
    game = compile_game(config)
    batch = _engine.Batch(game.compiled, 1, 1, 1)
    batch.attach(*vars(WorldBuffers.zeros(config, 1)).values())
    too_few = _engine.CompiledMap(game.compiled, game.compile_map([["agent.agent", "wall"]]))
    with pytest.raises(RuntimeError, match="1 agents"):
        batch.begin_episode(0, too_few, 1)
    for look in (batch.object_records, batch.episode_stats, batch.episode_rewards, batch.world_bytes):
        with pytest.raises(ValueError, match="has not begun"):
            look(0)
    batch.step()


@pytest.mark.parametrize("num_threads", [1, 2])
def test_a_batch_dropped_by_its_owner_lives_until_the_step_of_another_thread_is_over(num_threads: int) -> None:
    """The caller of a method holds its object. Whenever it happens: no step is cut short, none follows."""
    batch, buffers = begun(num_threads, worlds=24)
    owner, taken, stepping = [batch._batch], [], threading.Event()
    del batch._batch, batch

    def step_until_it_is_gone() -> None:
        while owner:
            stepping.set()
            try:
                owner[0].step()
            except IndexError:  # gone between the two looks
                return
            taken.append(1)

    thread = threading.Thread(target=step_until_it_is_gone)
    thread.start()
    assert stepping.wait(60)
    owner.clear()
    gc.collect()
    thread.join()
    assert_same(buffers, expected_after(len(taken), worlds=24))


def test_an_interrupt_between_step_async_and_wait() -> None:
    batch, buffers = begun()
    with pytest.raises(KeyboardInterrupt):
        try:
            batch.step_async(0)
            raise KeyboardInterrupt
        finally:
            batch.close()
    batch.step_async(1)
    batch.wait(1)
    assert_same(buffers, expected_after(1))
    batch.close()
    batch.close()


def test_a_batch_that_goes_while_it_steps() -> None:
    batch, buffers = begun()
    batch.step_async(0)
    batch.step_async(1)
    del batch
    gc.collect()
    assert_same(buffers, expected_after(1))


def test_the_interpreter_may_end_while_threads_step() -> None:
    code = """
import numpy as np
from metta_puffer.engine import WorldBuffers, WorldError
from metta_puffer.engine.native import NativeBatch
from metta_puffer.games import make_game

config = make_game("arena", 3)
kinds = [((200, 3), "u1"), ((), "f4"), ((), "?"), ((), "?"), ((), "i4"), ((), "i4")]
batch = NativeBatch(config, 64, WorldBuffers(*(np.zeros((192, *shape), kind) for shape, kind in kinds)), 3)
for world in range(64):
    batch.begin_episode(world, world, world)
batch.step()
batch.step_async(0)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "Error" not in run.stderr, run.stderr

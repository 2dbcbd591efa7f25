"""Buffers against threads: what a batch may be put through while it steps, when it goes, and when its process forks."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pufferlib.vector
import pytest
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.config.mutation import EntityTarget, ResourceDeltaMutation, SetRelativeTargetMutation

from metta_puffer import MettaPufferEnv, _engine
from metta_puffer.engine import WorldBuffers, WorldError
from metta_puffer.engine.compile import compile_game
from metta_puffer.engine.native import NativeBatch
from metta_puffer.games import make_game
from tests.engine.test_native_batch import copies, make_buffers

WORLDS, GROUPS = 6, 2


def begun(num_threads: int = 2, worlds: int = WORLDS, groups: int = GROUPS) -> tuple[NativeBatch, WorldBuffers]:
    config = make_game("arena", 3, max_steps=1000)
    buffers = make_buffers(config, worlds)
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


# ---- buffers ----


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
    other = make_buffers(make_game("arena", 3), WORLDS)
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
    buffers = make_buffers(make_game("arena", 3), 1)
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
    batch.attach(*vars(make_buffers(config, 1)).values())
    too_few = _engine.CompiledMap(game.compiled, game.compile_map([["agent.agent", "wall"]]))
    with pytest.raises(RuntimeError, match="1 agents"):
        batch.begin_episode(0, too_few, 1)
    for look in (batch.object_records, batch.episode_stats, batch.episode_rewards, batch.world_bytes):
        with pytest.raises(ValueError, match="has not begun"):
            look(0)
    batch.step()


# ---- threads ----


@pytest.mark.parametrize("threads", [10**9, 2**62])
def test_more_threads_than_worlds_are_not_started(threads: int) -> None:
    batch, buffers = begun(num_threads=threads)
    batch.step()
    assert_same(buffers, expected_after(1))
    batch.close()


@pytest.mark.parametrize(("worlds", "threads", "groups"), [(0, 1, 1), (1, 0, 1), (1, 1, 0), (3, 1, 2)])
def test_counts_that_make_no_batch(worlds: int, threads: int, groups: int) -> None:
    game = compile_game(make_game("arena", 1))
    with pytest.raises(ValueError, match=r"num_worlds|num_threads|num_groups"):
        _engine.Batch(game.compiled, worlds, threads, groups)
    with pytest.raises(TypeError):
        _engine.Batch(game.compiled, -worlds - 1, threads, groups)


def test_a_second_thread_is_refused_while_one_steps() -> None:
    """Whichever comes in between: every step that did not raise was taken, and nothing else happened."""
    batch, buffers = begun(num_threads=2)
    taken, refused = [0, 0], []

    def step_often(who: int) -> None:
        for _ in range(200):
            try:
                batch._batch.step()
                taken[who] += 1
            except ValueError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=step_often, args=(who,)) for who in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("in use by another thread" in text for text in refused)
    assert_same(buffers, expected_after(sum(taken)))


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


def test_batches_in_threads_of_their_own_do_not_meet() -> None:
    results: dict[int, list[npt.NDArray[Any]]] = {}

    def play(who: int) -> None:
        batch, buffers = begun()
        for _ in range(30):
            for group in range(GROUPS):
                batch.step_async(group)
            for group in range(GROUPS):
                batch.wait(group)
        results[who] = copies(buffers)
        batch.close()

    threads = [threading.Thread(target=play, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = expected_after(30)
    for result in results.values():
        for got, wanted in zip(result, expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
    assert len(results) == 3


def test_what_belongs_to_the_threads_cannot_be_touched() -> None:
    batch, buffers = begun()
    batch.step_async(0)
    calls: list[Callable[[], Any]] = [
        batch.step,
        batch.take_ended,
        lambda: batch.take_ended(0),
        lambda: batch.step_async(0),
        lambda: batch.begin_episode(0, 1, 1),
        lambda: batch.grid_objects(0),
        lambda: batch.episode_stats(2),
        lambda: batch.end_early(1, 1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="stepping"):
            call()
    batch.end_early(5, 900)  # the other group's
    batch.wait(0)
    with pytest.raises(ValueError, match="not stepping"):
        batch.wait(0)
    for group in (-1, GROUPS):
        with pytest.raises((IndexError, TypeError)):
            batch.step_async(group)
        with pytest.raises((IndexError, TypeError)):
            batch.wait(group)
    batch.step_async(1)
    batch.wait(1)
    assert_same(buffers, expected_after(1))


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


# ---- forks ----


def in_child(work: Callable[[], str]) -> str:
    """What `work` returned, or raised, in a forked process that then frees what it inherited."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            try:
                text = work()
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
            os.write(write_end, text.encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        text = stream.read().decode()
    assert os.waitpid(pid, 0)[1] == 0, text
    return text


def test_a_child_frees_a_batch_whose_threads_it_has_not() -> None:
    batches = [begun()[0]]
    batches[0].step()

    def free() -> str:
        batches.clear()
        gc.collect()
        return "freed"

    assert in_child(free) == "freed"
    batches[0].step()


def test_a_child_forked_amid_a_step_is_told() -> None:
    batch, buffers = begun()
    batch.step_async(0)

    def wait() -> str:
        try:
            batch.wait(0)
        except WorldError as error:
            told = str(error)
            assert {failure.env_step for failure in error.failures} == {None}  # not known, so not made up
        for world in range(3):
            batch.begin_episode(world, world, world)
        batch.step_async(0)
        batch.step_async(1)
        batch.wait(0)
        batch.wait(1)
        assert_same(buffers, expected_after(1))
        batch.close()
        return told

    told = in_child(wait)
    assert "world 0" in told and "world 2" in told and "world 3" not in told
    assert "forked" in told and "env step" not in told
    batch.wait(0)
    batch.step_async(1)
    batch.wait(1)
    assert_same(buffers, expected_after(1))


def test_a_child_may_close_or_free_a_batch_that_was_stepping() -> None:
    batches = [begun()[0]]
    batches[0].step_async(0)

    def close() -> str:
        batches[0].close()
        batches.clear()
        gc.collect()
        return "closed"

    assert in_child(close) == "closed"
    batches[0].wait(0)


@pytest.mark.parametrize("map_pool", [0, 2])
def test_a_child_builds_maps_of_its_own(map_pool: int) -> None:
    """Episodes turn over in it although the thread that built the parent's maps did not come along."""
    env = MettaPufferEnv("navigation", num_agents=2, max_steps=4, map_pool=map_pool)
    env.reset(seed=0)
    actions = np.zeros(2, dtype=np.int32)

    def play() -> str:
        return "".join(str(env.step(actions)[0].sum()) + " " for _ in range(13))

    inherited = in_child(play)
    assert inherited == play()
    env.close()


def rollout(backend: Any, num_threads: int, **options: Any) -> list[npt.NDArray[Any]]:
    kwargs = {"num_agents": 3, "num_worlds": 2, "max_steps": 10, "engine": "native", "num_threads": num_threads}
    vecenv = pufferlib.vector.make(MettaPufferEnv, env_kwargs=kwargs, backend=backend, seed=3, num_envs=2, **options)
    observations, _ = vecenv.reset(5)
    seen = [observations.copy()]
    rng = np.random.default_rng(0)
    for _ in range(25):
        observations, rewards, terminals, truncations, *_ = vecenv.step(rng.integers(0, 5, len(observations)))
        seen += [observations.copy(), rewards.copy(), terminals.copy(), truncations.copy()]
    vecenv.close()
    return seen


def test_threads_in_pufferlibs_workers() -> None:
    serial = rollout(pufferlib.vector.Serial, 1)
    workers = rollout(pufferlib.vector.Multiprocessing, 2, num_workers=2, overwork=True)
    for expected, got in zip(serial, workers, strict=True):
        np.testing.assert_array_equal(expected, got)


def test_two_threads_begin_and_step_two_groups() -> None:
    """So many worlds that huge pages are asked for; a thread looks at its own group only (for TSan to see)."""
    config = make_game("arena", 24)
    worlds = 160
    buffers = make_buffers(config, worlds)
    batch = NativeBatch(config, worlds, buffers, 2, map_pool=1, num_groups=2)

    def play(group: int) -> None:
        for world in range(*batch._batch.group_worlds(group)):
            batch.begin_episode(world, world, 0)
        batch.step_async(group)
        batch.wait(group)

    threads = [threading.Thread(target=play, args=(group,)) for group in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worlds * batch.world_bytes(0) > 8 << 20
    alone = make_buffers(config, worlds)
    one = NativeBatch(config, worlds, alone, map_pool=1)
    for world in range(worlds):
        one.begin_episode(world, world, 0)
    one.step()
    assert_same(buffers, copies(alone))


# ---- worlds that fail ----


def aiming_game() -> MettaGridConfig:
    """Agents aim east at every tick and give something to what stands there, which may be nobody."""
    config = make_game("arena", 2)
    ore = config.game.resource_names[0]
    aim = SetRelativeTargetMutation(direction="east")
    give = ResourceDeltaMutation(target=EntityTarget.TARGET, deltas={ore: 1})
    config.game.agent.on_tick = Handler(mutations=[aim, give])
    for agent in config.game.agents:
        agent.on_tick = config.game.agent.on_tick
    return config


def test_a_world_that_fails_in_a_thread_names_world_step_and_agent() -> None:
    config = aiming_game()
    game = compile_game(config)
    buffers = make_buffers(config, 4)
    batch = _engine.Batch(game.compiled, 4, 2, 2)
    batch.attach(*vars(buffers).values())
    wall = ["agent.agent", "wall", "agent.agent", "wall"]
    safe, broken = (
        _engine.CompiledMap(game.compiled, game.compile_map([row]))
        for row in (wall, ["agent.agent", "wall", "agent.agent", "empty"])
    )
    for world in range(4):
        batch.begin_episode(world, broken if world == 1 else safe, world)
    batch.step_async(0)
    batch.step_async(1)
    batch.wait(1)
    ((world, env_step, agent, message),) = batch.wait(0)
    assert (world, env_step, agent) == (1, 1, 1) and "resource_delta" in message
    for _ in range(3):  # the others go on, the broken one stands still
        for group in range(2):
            batch.step_async(group)
        for group in range(2):
            batch.wait(group)
    held = [record for record in batch.object_records(0) if record["type_name"] == "wall"]
    assert [record["inventory"] for record in held] == [{0: 4}, {0: 4}]
    batch.begin_episode(1, safe, 1)
    batch.step_async(0)
    batch.wait(0)

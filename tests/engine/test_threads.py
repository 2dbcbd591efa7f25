"""A batch on threads: how many there are, what they keep others from touching, and where a world failed."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.config.mutation import EntityTarget, ResourceDeltaMutation, SetRelativeTargetMutation

from metta_puffer import _engine
from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.compile import compile_game
from metta_puffer.engine.native import NativeBatch
from metta_puffer.env_actions import ActionCodec
from metta_puffer.games import make_game
from tests.engine.batches import GROUPS, assert_same, begun, copies, expected_after


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


@pytest.mark.parametrize("convert", [lambda actions: actions, lambda actions: actions.tolist()], ids=["array", "list"])
def test_actions_that_come_while_another_thread_steps_are_not_decoded(convert: Callable[[Any], Any]) -> None:
    batch, buffers = begun(worlds=60)
    codec = ActionCodec(make_game("arena", 3))
    theirs, ours = np.ones_like(buffers.actions), convert(np.full_like(buffers.actions, 2))
    stop = threading.Event()
    refused: list[tuple[str, set[int]]] = []

    def step_on() -> None:
        while not stop.is_set():
            with contextlib.suppress(ValueError):  # we are stepping
                batch.act(theirs, codec)

    thread = threading.Thread(target=step_on)
    thread.start()
    while len(refused) < 20:
        try:
            batch.act(ours, codec)
        except ValueError as error:  # they are stepping, with actions of their own
            refused.append((str(error), set(buffers.actions.tolist())))
    stop.set()
    thread.join()
    assert all("in use by another thread" in text and stepped_with == {1} for text, stepped_with in refused)
    batch.close()


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
        lambda: batch.act(buffers.actions + 1, ActionCodec(make_game("arena", 3))),
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


def test_two_threads_begin_and_step_two_groups() -> None:
    """So many worlds that huge pages are asked for; a thread looks at its own group only (for TSan to see)."""
    config = make_game("arena", 24)
    worlds = 160
    buffers = WorldBuffers.zeros(config, worlds)
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
    alone = WorldBuffers.zeros(config, worlds)
    one = NativeBatch(config, worlds, alone, map_pool=1)
    for world in range(worlds):
        one.begin_episode(world, world, 0)
    one.step()
    assert_same(buffers, copies(alone))


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
    buffers = WorldBuffers.zeros(config, 4)
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

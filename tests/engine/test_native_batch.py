"""Many native worlds: the same episodes as on the published engine, whatever the threads, groups and processes."""

import multiprocessing
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from mettagrid.builder.envs import make_arena
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.config.mutation import EntityTarget, ResourceDeltaMutation
from mettagrid.mapgen.mapgen import MapGen

from metta_puffer import MettaPufferEnv, _engine
from metta_puffer.engine import WorldBuffers, WorldError, open_batch
from metta_puffer.engine.compile import compile_game
from metta_puffer.engine.native import NativeBatch
from metta_puffer.env_actions import ActionCodec
from metta_puffer.games import make_game
from tests.engine.batches import copies


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"map_pool": 3},
        {"desync_episodes": True},
        {"autoreset": "upstream"},
        {"episode_seeds": "fixed"},
        {"episode_seeds": "fixed", "autoreset": "upstream"},
    ],
    ids=str,
)
def test_episodes_equal_the_published_engines(options: dict[str, Any]) -> None:
    envs = [
        MettaPufferEnv("arena", num_agents=3, num_worlds=3, engine=engine, seed=5, max_steps=12, **options)
        for engine in ("published", "native")
    ]
    for env in envs:
        env.reset(seed=9)
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.integers(0, 5, envs[0].num_agents).astype(np.int32)
        published, native = [env.step(actions) for env in envs]
        for judge, ours in zip(published[:4], native[:4], strict=True):
            np.testing.assert_array_equal(judge, ours)
        assert published[4] == native[4]
    for env in envs:
        env.close()


def play(config: MettaGridConfig, num_threads: int, groups: int) -> list[npt.NDArray[Any]]:
    """18 worlds over three episodes; everything they wrote, env step by env step."""
    worlds = 18  # fewer rows than 64 are stepped on the calling thread
    buffers = WorldBuffers.zeros(config, worlds)
    batch = NativeBatch(config, worlds, buffers, num_threads, num_groups=groups)
    episodes = [0] * worlds
    for world in range(worlds):
        batch.begin_episode(world, world, world)
        batch.set_next_episode(world, 100 + world, world + 1)
    rng = np.random.default_rng(1)
    written = []
    for _ in range(50):
        buffers.actions[:] = rng.integers(0, 5, len(buffers.actions))
        if groups == 1:
            batch.step()
            ended = batch.take_ended()
        else:
            for group in range(groups):
                batch.step_async(group)
            for group in reversed(range(groups)):
                batch.wait(group)
            ended = [episode for group in range(groups) for episode in batch.take_ended(group)]
        for episode in ended:
            episodes[episode.world] += 1
            batch.set_next_episode(episode.world, 100 * episodes[episode.world], episode.world)
            written.append(episode.rewards)
        written += copies(buffers)
    assert min(episodes) >= 3
    batch.close()
    return written


@pytest.mark.parametrize(("num_threads", "groups"), [(3, 1), (1, 2), (2, 3)])
def test_threads_and_groups_do_not_change_what_happens(num_threads: int, groups: int) -> None:
    config = make_game("arena", 4, max_steps=15)
    for expected, got in zip(play(config, 1, 1), play(config, num_threads, groups), strict=True):
        np.testing.assert_array_equal(expected, got)


def breaking_game() -> MettaGridConfig:
    """Every agent's move onto a wall runs a mutation on nobody, which the published engine does not survive."""
    config = make_game("arena", 2)
    ore = config.game.resource_names[0]
    config.game.on_tick = Handler(mutations=[ResourceDeltaMutation(target=EntityTarget.ACTOR, deltas={ore: 1})])
    return config


def test_a_world_that_breaks_is_named_and_the_others_go_on() -> None:
    bad = breaking_game()
    buffers = WorldBuffers.zeros(bad, 40)
    batch = NativeBatch(bad, 40, buffers, num_threads=2)
    for world in (0, 2):
        batch.begin_episode(world, world, world)
    with pytest.raises(RuntimeError, match=r"world 0, env step 1: .*resource_delta") as error:
        batch.step()
    assert "world 2, env step 1" in str(error.value)
    batch.step()  # both stand still now
    batch.begin_episode(0, 1, 1)
    with pytest.raises(RuntimeError, match="world 0, env step 1") as error:
        batch.step()
    assert "world 2" not in str(error.value)
    batch.close()


@pytest.mark.parametrize("engine", ["native", "published"])
@pytest.mark.parametrize("slow_maps", [False, True])
@pytest.mark.parametrize("as_list", [False, True])
def test_act_tells_when_there_is_something_to_take(engine: Any, slow_maps: bool, as_list: bool) -> None:
    config = make_game("arena", 3, max_steps=4)
    if slow_maps:
        config.game.map_builder = MapGen.Config(instance=config.game.map_builder, border_width=1)
    buffers = WorldBuffers.zeros(config, 3)
    batch, codec = open_batch(config, 3, buffers, engine), ActionCodec(config)
    for world in range(3):
        batch.begin_episode(world, world, world)
        batch.set_next_episode(world, 10 + world, 10 + world)
    batch.end_early(1, 2)
    stay = np.zeros(9, np.int32)
    taken = []
    for _ in range(9):
        told = batch.act(stay.tolist() if as_list else stay, codec)
        ended = [episode.world for episode in batch.take_ended()]
        assert told == bool(ended)
        taken.append(ended)
        for world in ended:
            batch.set_next_episode(world, 20 + world, 20 + world)
    assert taken == [[], [1], [], [0, 2], [], [1], [], [0, 2], []]
    batch.close()


def test_act_keeps_telling_until_it_is_taken() -> None:
    config = make_game("arena", 2, max_steps=1)
    batch, codec = NativeBatch(config, 1, WorldBuffers.zeros(config, 1)), ActionCodec(config)
    batch.begin_episode(0, 1, 1)
    stay = np.zeros(2, np.int32)
    assert batch.act(stay, codec) and batch.act(stay, codec)
    assert len(batch.take_ended()) == 1
    assert not batch.act(stay, codec)
    batch.close()


def test_act_tells_of_a_failed_world_once() -> None:
    bad = breaking_game()
    batch, codec = NativeBatch(bad, 1, WorldBuffers.zeros(bad, 1)), ActionCodec(bad)
    batch.begin_episode(0, 1, 1)
    stay = np.zeros(2, np.int32)
    with pytest.raises(WorldError, match="world 0, env step 1"):
        batch.act(stay, codec)
    assert not batch.act(stay, codec)
    batch.close()


@pytest.mark.parametrize("lacking", ["actions", "vibe_actions", "both"])
def test_act_needs_arrays_to_decode_into(lacking: str) -> None:
    game = compile_game(make_game("arena", 2))
    batch = _engine.Batch(game.compiled, 1)
    buffers = vars(WorldBuffers.zeros(make_game("arena", 2), 1))
    if lacking == "actions":
        buffers["actions"].flags.writeable = False
    elif lacking == "vibe_actions":
        buffers["vibe_actions"] = None
    if lacking != "both":
        batch.attach(*buffers.values())
    with pytest.raises(ValueError, match="act needs"):
        batch.act(np.zeros(2, np.int32), 5, 0)


def _play_in_child(queue: Any, env: MettaPufferEnv) -> None:
    for _ in range(3):
        env.step(np.zeros(env.num_agents, dtype=np.int32))
    queue.put(env.observations.copy())


def test_a_forked_process_steps_with_threads_of_its_own() -> None:
    env = MettaPufferEnv("arena", num_agents=2, num_worlds=40, num_threads=2, max_steps=100)
    env.reset(seed=0)
    env.step(np.zeros(env.num_agents, dtype=np.int32))  # the parent's threads run
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_play_in_child, args=(queue, env))
    child.start()
    observations = queue.get(timeout=60)
    child.join()
    assert child.exitcode == 0
    for _ in range(3):
        env.step(np.zeros(env.num_agents, dtype=np.int32))
    np.testing.assert_array_equal(observations, env.observations)
    env.close()


def test_worlds_are_small() -> None:
    """At 24 agents on a 37x37 map a world takes at most 64 KiB beside the observations."""
    config = make_arena(24)
    batch = NativeBatch(config, 1, WorldBuffers.zeros(config, 1))
    batch.begin_episode(0, 1, 1)
    for _ in range(50):
        batch.step()
    assert batch.world_bytes(0) <= 64 * 1024
    batch.close()

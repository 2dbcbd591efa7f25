"""Maps that the engine makes against the published builders': every cell, whatever seed, size and crowd."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from mettagrid.builder.envs import make_arena, make_navigation
from mettagrid.config.mettagrid_config import GridObjectConfig, MettaGridConfig
from mettagrid.map_builder.map_builder import MapBuilderConfig
from mettagrid.map_builder.random_map import RandomMapBuilder
from mettagrid.mapgen.mapgen import MapGen
from mettagrid.mapgen.scene import ChildrenAction, GridTransform
from mettagrid.mapgen.scenes.nop import Nop
from mettagrid.mapgen.scenes.random import Random

from metta_puffer import MettaPufferEnv, _engine
from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.compile import compile_game
from metta_puffer.engine.maps import build_grid
from metta_puffer.engine.native import NativeBatch, NativeWorld
from metta_puffer.engine.random_maps import numpy_shuffles_like_the_engine, random_map_maker
from metta_puffer.games import make_game
from tests.engine.batches import copies

SEEDS = [0, 1, 2, 3, 17, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 2**63, 2**63 + 9, 2**64 - 1]


def arena_with(builder: MapBuilderConfig[Any], agents: int) -> MettaGridConfig:
    config = make_arena(agents, map_builder=builder)
    config.game.objects["crate"] = GridObjectConfig(name="crate")
    return config


def rooms(agents: int, **options: Any) -> MettaGridConfig:
    scene = Random.Config(**{"agents": 2, "objects": {"wall": 3, "crate": 2}} | options.pop("scene", {}))
    return arena_with(
        MapGen.Config(**{"width": 7, "height": 5, "border_width": 2, "instance": scene} | options), agents
    )


def teams(members: dict[str, int], instances: int, **scene: Any) -> MettaGridConfig:
    """So many agents of each team of that colour in every room."""
    options = {"agents": members, "objects": {"crate": 3}} | scene
    config = rooms(sum(members.values()) * instances, instances=instances, scene=options)
    config.game.agents = [
        config.game.agent.model_copy(deep=True, update={"team_id": team})
        for team, count in enumerate(members.values())
        for _ in range(count * instances)
    ]
    return config


def scattered(count: int, **options: Any) -> MettaGridConfig:
    options = {"agents": count, "width": 9, "height": 6, "objects": {"crate": 4, "wall": 3}} | options
    return arena_with(RandomMapBuilder.Config(**options), count)


def assert_same_maps(config: MettaGridConfig) -> None:
    game = compile_game(config)
    maker = random_map_maker(config, game)
    assert maker is not None
    for seed in SEEDS:
        expected = game.compile_map(build_grid(config, seed))
        np.testing.assert_array_equal(maker.cells(seed), expected)
        assert maker.cells(seed).dtype == expected.dtype


@pytest.mark.parametrize(
    "config",
    [
        lambda: make_arena(24),
        lambda: make_arena(1),
        lambda: make_game("arena", 24),
        lambda: make_game("arena", 12, agents_per_instance=3),
        lambda: make_game("arena", 3, variant="combat"),
        lambda: rooms(2),
        lambda: rooms(10, instances=5),
        lambda: rooms(10, instances=5, instance_border_width=0),
        lambda: rooms(10, instances=5, instance_border_object="crate"),
        lambda: rooms(10, instances=5, instance_border_object="empty"),
        lambda: rooms(6, num_agents=6),
        lambda: rooms(6, num_agents=6, instances=3),
        lambda: rooms(2, scene={"objects": {}}),
        lambda: rooms(2, width=1, height=2, scene={"objects": {}}),
        lambda: rooms(30, scene={"agents": 30}),
        lambda: rooms(3, scene={"agents": {"agent": 3}}),
        lambda: rooms(3, scene={"agents": {"red": 2, "agent": 1}}),  # two names of one team
        lambda: teams({"red": 3, "blue": 1, "green": 2}, instances=1),
        lambda: teams({"red": 2, "blue": 4}, instances=3),
        lambda: make_navigation(4),
        lambda: scattered(5),
        lambda: scattered(5, border_width=1),
        lambda: scattered(5, border_width=1, border_object="crate"),
        lambda: scattered(1, width=1, height=1, objects={}),
        lambda: scattered(3, agents={"red": 2, "default": 1}),
    ],
)
def test_the_same_map_for_every_seed(config: Callable[[], MettaGridConfig]) -> None:
    assert_same_maps(config())


def test_the_same_map_for_many_sizes_and_crowds() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        width, height, border, per_room, instances, walls = (int(n) for n in rng.integers(1, [12, 12, 4, 5, 6, 9]))
        if walls + per_room > width * height:
            continue
        scene = {"agents": per_room, "objects": {"wall": walls}}
        count = {"num_agents" if rng.integers(2) else "instances": 0}
        count = {name: per_room * instances if name == "num_agents" else instances for name in count}
        assert_same_maps(
            rooms(per_room * instances, width=width, height=height, border_width=border, scene=scene, **count)
        )


@pytest.mark.parametrize(
    "config",
    [
        lambda: rooms(2, border_width=0),
        lambda: rooms(2, scene={"seed": 3}),
        lambda: rooms(2, scene={"transform": GridTransform.ROT_90}),
        lambda: rooms(2, scene={"children": [ChildrenAction(scene=Nop.Config(), where="full")]}),
        lambda: rooms(2, scene={"objects": {"wall": 60}}),  # more than there are cells: drawn from
        lambda: rooms(2, scene={"agents": 3}),  # more than the game has: thinned out
        lambda: rooms(2, scene={"objects": {"agent.agent": 1}}),
        lambda: rooms(4, instances=2, set_team_by_instance=True),
        lambda: rooms(4, instances=2, instance_border_clear_radius=1),
        lambda: rooms(2, scene={"objects": {"unheard of": 1}}),
        lambda: rooms(2, width=65532, height=1),  # wider than a map may be
        lambda: scattered(2, agents=3),
        lambda: scattered(5, objects={"crate": 80}),  # halved until they fit
        lambda: arena_with(MapGen.Config(instance=RandomMapBuilder.Config(agents=2)), 2),
    ],
)
def test_what_is_left_to_the_published_builder(config: Callable[[], MettaGridConfig]) -> None:
    assert random_map_maker(config(), compile_game(config())) is None


def test_the_generator_is_numpys() -> None:
    draw = np.random.default_rng(0)
    for _ in range(200):
        seed = int(draw.integers(2**64, dtype=np.uint64)) >> int(draw.integers(64))
        lengths = [int(length) for length in draw.integers(0, 300, 6)]
        generator = np.random.default_rng(seed)
        number = int(draw.integers(40))
        for child, judge in ((None, generator), (number, generator.spawn(number + 1)[number])):
            expected = [np.arange(length) for length in lengths]
            for items in expected:
                judge.shuffle(items)
            assert _engine.numpy_shuffles(seed, child, lengths) == [items.tolist() for items in expected]


def played(config: MettaGridConfig) -> list[npt.NDArray[Any]]:
    """What three episodes in each of two worlds have written."""
    config.game.max_steps = 4
    buffers = WorldBuffers.zeros(config, 2)
    batch = NativeBatch(config, 2, buffers)
    for world in range(2):
        batch.begin_episode(world, world, 2**40 + world)
        batch.set_next_episode(world, 5, 3 + world)
    seen = copies(buffers)
    for _ in range(11):
        batch.step()
        seen += copies(buffers)
        for ended in batch.take_ended():
            batch.set_next_episode(ended.world, 6, 7)
    batch.close()
    return seen


@pytest.fixture
def compared_anew() -> Iterator[None]:
    numpy_shuffles_like_the_engine.cache_clear()
    yield
    numpy_shuffles_like_the_engine.cache_clear()


def test_where_numpy_shuffles_otherwise_the_published_builder_is_asked(
    compared_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_game("arena", 3)
    made = played(config)
    ours = _engine.numpy_shuffles

    def one_draw_more(seed: int, child: int | None, lengths: tuple[int, ...]) -> Any:
        *first, _, last = ours(seed, child, [*lengths[:-1], 2, lengths[-1]])
        return [*first, last]

    numpy_shuffles_like_the_engine.cache_clear()
    monkeypatch.setattr(_engine, "numpy_shuffles", one_draw_more)
    assert random_map_maker(config, compile_game(config)) is None
    for expected, built in zip(made, played(config), strict=True):
        np.testing.assert_array_equal(expected, built)


@pytest.mark.parametrize("seed", [2**64 - 1, 2**64, 2**70 + 3])
def test_map_seeds_have_no_end(seed: int) -> None:
    """What is too large for the engine is the builder's to make."""
    config = make_game("arena", 3, max_steps=2)
    buffers = WorldBuffers.zeros(config, 1)
    batch = NativeBatch(config, 1, buffers)
    expected = NativeWorld(config, build_grid(config, seed), 1).observations
    batch.begin_episode(0, 1, seed)
    np.testing.assert_array_equal(buffers.observations, expected)
    batch.begin_episode(0, 1, 0)
    assert (buffers.observations != expected).any()
    batch.set_next_episode(0, 1, seed)
    for _ in range(2):
        batch.step()
    np.testing.assert_array_equal(buffers.observations, expected)
    batch.close()


@pytest.mark.parametrize("map_seeds", [(2**64, 2), (2, 2**64)])
def test_the_last_next_episode_is_the_one_that_begins(map_seeds: tuple[int, int]) -> None:
    """Whichever of them has to wait for its map."""
    config = make_game("arena", 3, max_steps=2)
    buffers = WorldBuffers.zeros(config, 1)
    batch = NativeBatch(config, 1, buffers)
    batch.begin_episode(0, 1, 1)
    for map_seed in map_seeds:
        batch.set_next_episode(0, 1, map_seed)
    for _ in range(2):
        batch.step()
    expected = NativeWorld(config, build_grid(config, map_seeds[-1]), 1).observations
    np.testing.assert_array_equal(buffers.observations, expected)
    batch.close()


@pytest.mark.parametrize("map_pool", [0, 2])
def test_an_environment_plays_the_same_maps_on_either_engine(map_pool: int) -> None:
    envs = [
        MettaPufferEnv("arena", num_agents=4, num_worlds=2, max_steps=3, engine=engine, map_pool=map_pool)
        for engine in ("published", "native")
    ]
    for env in envs:
        env.reset(seed=1)
    for _ in range(10):
        np.testing.assert_array_equal(*(env.step(np.zeros(8, dtype=np.int32))[0] for env in envs))
    for env in envs:
        env.close()

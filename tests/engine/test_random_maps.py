"""Maps made here against the published builders': every cell, whatever the seed, the size and the crowd."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mettagrid.builder.envs import make_arena, make_navigation
from mettagrid.config.mettagrid_config import GridObjectConfig, MettaGridConfig
from mettagrid.map_builder.map_builder import MapBuilderConfig
from mettagrid.map_builder.random_map import RandomMapBuilder
from mettagrid.mapgen.mapgen import MapGen
from mettagrid.mapgen.scene import ChildrenAction, GridTransform
from mettagrid.mapgen.scenes.nop import Nop
from mettagrid.mapgen.scenes.random import Random

from metta_puffer import MettaPufferEnv
from metta_puffer.engine.compile import compile_game
from metta_puffer.engine.maps import build_grid
from metta_puffer.engine.random_maps import random_map_maker
from metta_puffer.games import make_game

SEEDS = [0, 1, 2, 3, 17, 2**31, 2**32 + 5, 2**63 + 9]


def arena_with(builder: MapBuilderConfig[Any], agents: int) -> MettaGridConfig:
    config = make_arena(agents, map_builder=builder)
    config.game.objects["crate"] = GridObjectConfig(name="crate")
    return config


def rooms(agents: int, **options: Any) -> MettaGridConfig:
    scene = Random.Config(**{"agents": 2, "objects": {"wall": 3, "crate": 2}} | options.pop("scene", {}))
    return arena_with(
        MapGen.Config(**{"width": 7, "height": 5, "border_width": 2, "instance": scene} | options), agents
    )


def scattered(count: int, **options: Any) -> MettaGridConfig:
    options = {"agents": count, "width": 9, "height": 6, "objects": {"crate": 4, "wall": 3}} | options
    return arena_with(RandomMapBuilder.Config(**options), count)


def assert_same_maps(config: MettaGridConfig) -> None:
    game = compile_game(config)
    maker = random_map_maker(config, game)
    assert maker is not None
    for seed in SEEDS:
        expected = game.compile_map(build_grid(config, seed))
        np.testing.assert_array_equal(maker(seed), expected)
        assert maker(seed).dtype == expected.dtype


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
        lambda: make_navigation(4),
        lambda: scattered(5),
        lambda: scattered(5, border_width=1),
        lambda: scattered(5, border_width=1, border_object="crate"),
        lambda: scattered(1, width=1, height=1, objects={}),
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
        lambda: scattered(2, agents=3),
        lambda: scattered(5, objects={"crate": 80}),  # halved until they fit
        lambda: arena_with(MapGen.Config(instance=RandomMapBuilder.Config(agents=2)), 2),
    ],
)
def test_what_is_left_to_the_published_builder(config: Callable[[], MettaGridConfig]) -> None:
    assert random_map_maker(config(), compile_game(config())) is None


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

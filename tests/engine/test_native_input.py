"""What the native engine refuses: wrong arrays, ids that point nowhere, configs that corrupt the published engine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer import _engine
from metta_puffer.engine import UnsupportedGame, WorldBuffers, open_world
from metta_puffer.engine.compile import compile_game
from metta_puffer.games import make_game

AGENTS = 2


@pytest.fixture
def config() -> MettaGridConfig:
    return make_game("arena", AGENTS)


@pytest.mark.parametrize(
    ("actions", "error"),
    [
        (np.zeros(AGENTS, dtype=np.int64), TypeError),
        (np.zeros(AGENTS, dtype=">i4"), TypeError),
        (np.zeros(AGENTS, dtype=np.float32), TypeError),
        (np.zeros(AGENTS + 1, dtype=np.int32), ValueError),
        (np.zeros((AGENTS, 1), dtype=np.int32), ValueError),
        (np.zeros(2 * AGENTS, dtype=np.int32)[::2], ValueError),
        ([0] * AGENTS, TypeError),
    ],
    ids=["int64", "byte order", "float", "too long", "2-D", "strided", "list"],
)
def test_wrong_actions(config: MettaGridConfig, actions: Any, error: type[Exception]) -> None:
    world = open_world(config, seed=1, engine="native")
    with pytest.raises(error, match=r"actions|incompatible"):
        world.step(actions)
    world.step(np.zeros(AGENTS, dtype=np.int32))  # nothing happened to the world


def test_actions_out_of_range_are_counted(config: MettaGridConfig) -> None:
    world = open_world(config, seed=1, engine="native")
    world.step(np.array([-(2**31), 2**31 - 1], dtype=np.int32), np.array([99, -1], dtype=np.int32))
    stats = world.episode_stats()["agent"]
    assert stats[0]["action.invalid_index"] == 4
    assert stats[0]["action.invalid_index.-2147483648"] == 2
    assert not world.action_success.any()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda game: setattr(game.obs, "width", 8), "game.obs.width"),
        (lambda game: setattr(game.obs, "height", 0), "game.obs.height"),
        (lambda game: setattr(game.obs, "num_tokens", 2**20 + 1), "game.obs.num_tokens"),
    ],
)
def test_configs_that_corrupt_the_published_engine(
    config: MettaGridConfig, change: Callable[[Any], None], path: str
) -> None:
    change(config.game)
    with pytest.raises(UnsupportedGame) as error:
        open_world(config, engine="native")
    assert error.value.path == path


def test_config_is_left_unchanged(config: MettaGridConfig) -> None:
    before = config.model_dump()
    open_world(config, seed=3, engine="native")
    assert config.model_dump() == before


def tables(**fields: Any) -> Any:
    record = _engine.GameTables()
    record.num_agents = 1
    record.resource_names = ["ore"]
    record.resource_stats = [_engine.ResourceStats()]
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def made(cls: Any, **fields: Any) -> Any:
    record = cls()
    for name, value in fields.items():
        setattr(record, name, value)
    return record


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"filters": [made(_engine.Filter, kind=_engine.FilterKind.resource, resource=7)]}, "filters[0].resource"),
        ({"filters": [made(_engine.Filter, kind=_engine.FilterKind.negation, inner=(0, 1))]}, "filters[0].inner"),
        ({"queries": [made(_engine.Query, kind=_engine.QueryKind.tag, tag=3)]}, "queries[0].tag"),
        ({"values": [made(_engine.Value, kind=_engine.ValueKind.sum, terms=(0, 1))]}, "values[0].terms"),
        ({"handlers": [made(_engine.Handler, mutations=(0, 5))]}, "handlers[0].mutations"),
        ({"on_tick": 0}, "game[0].on_tick"),
    ],
)
def test_indices_that_point_nowhere(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match="is out of range") as error:
        _engine.finish_game(tables(**fields))
    assert named in str(error.value)


def test_cell_kinds_that_do_not_exist(config: MettaGridConfig) -> None:
    game = compile_game(config)
    for cells in (np.full((2, 2), 999, dtype=np.int16), np.full((2, 2), -2, dtype=np.int16)):
        with pytest.raises(ValueError, match="cell kind"):
            _engine.World(game.compiled, cells, 0)
    with pytest.raises(ValueError, match="non-empty"):
        _engine.World(game.compiled, np.zeros((0, 3), dtype=np.int16), 0)


def random_maps(**fields: Any) -> Any:
    """One room of 2x3 in a border of one cell; its things are two agents of a team."""
    room = {"room_height": 2, "room_width": 3, "corners": [(1, 1)], "things": [-2, -2], "teams": [[0, 1]]}
    return made(_engine.RandomMaps, **room | fields)


FRAME = np.full((4, 5), -1, dtype=np.int16)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"room_height": 0}, "room_height"),
        ({"room_width": 6}, "room_width"),
        ({"corners": []}, "corners"),
        ({"corners": [(1, 1), (3, 1)]}, "corners"),
        ({"corners": [(0, 3)]}, "corners"),
        ({"things": [-1] * 7}, "things"),
        ({"things": [-3]}, "things"),
        ({"things": [999]}, "things"),
        ({"teams": [[0, 999]]}, "teams"),
        ({"teams": [[0]]}, "teams"),
        ({"corners": [(1, 1), (1, 1)]}, "teams"),  # four agents
    ],
    ids=str,
)
def test_random_maps_that_do_not_fit(config: MettaGridConfig, fields: dict[str, Any], named: str) -> None:
    game = compile_game(config)
    assert set(_engine.MapMaker(game.compiled, FRAME, random_maps()).cells(1).ravel()) == {-1, 0, 1}
    with pytest.raises(ValueError, match=rf"random_maps\.{named} is out of range"):
        _engine.MapMaker(game.compiled, FRAME, random_maps(**fields))
    with pytest.raises(ValueError, match="cell kind"):
        _engine.MapMaker(game.compiled, FRAME - 1, random_maps())


def test_map_seeds_that_nothing_makes_maps_of(config: MettaGridConfig) -> None:
    game, other = compile_game(config), compile_game(config)
    maker = _engine.MapMaker(game.compiled, FRAME, random_maps())
    with pytest.raises(ValueError, match="another game"):
        _engine.Batch(other.compiled, 1, map_maker=maker)
    for batch in (_engine.Batch(game.compiled, 1), _engine.Batch(game.compiled, 1, map_maker=maker)):
        batch.attach(*vars(WorldBuffers.zeros(config, 1)).values())
        for begin in (batch.begin_episode, batch.set_next_episode):
            for seed in (-1, 2**64, 1.0, None):
                with pytest.raises(TypeError):
                    begin(0, seed, 1)
    for begin in (batch.begin_episode, batch.set_next_episode):
        begin(0, 2**64 - 1, 1)
    mapless = _engine.Batch(game.compiled, 1)
    mapless.attach(*vars(WorldBuffers.zeros(config, 1)).values())
    for begin in (mapless.begin_episode, mapless.set_next_episode):
        with pytest.raises(ValueError, match="no map maker"):
            begin(0, 1, 1)


def test_a_made_map_that_the_game_cannot_begin_on_stops_its_world_only(config: MettaGridConfig) -> None:
    config.game.max_steps = 2
    game = compile_game(config)
    lonely = _engine.MapMaker(game.compiled, FRAME, random_maps(things=[-2]))
    batch = _engine.Batch(game.compiled, 3, map_maker=lonely)
    batch.attach(*vars(WorldBuffers.zeros(config, 3)).values())
    good = _engine.CompiledMap(game.compiled, game.compile_map([["agent.agent", "agent.agent"]]))
    for world in range(3):
        batch.begin_episode(world, good, 1)
        batch.set_next_episode(world, 7 if world == 1 else good, 1)
    assert batch.step() == []
    ((world, _, agent, message),) = batch.step()
    assert (world, agent) == (1, None) and "1 agents" in message
    assert [ended[0] for ended in batch.take_ended()] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="1 agents"):
        batch.begin_episode(1, 7, 1)
    batch.begin_episode(1, good, 1)
    assert batch.step() == []


def test_more_cells_than_agents_and_unknown_cells(config: MettaGridConfig) -> None:
    with pytest.raises(ValueError, match=r"more 'agent\.agent' cells"):
        open_world(config, [["agent.agent"] * 3], engine="native")
    with pytest.raises(RuntimeError, match="Unknown object type: dragon"):
        open_world(config, [["agent.agent", "agent.agent", "dragon"]], engine="native")

"""What the native engine refuses: wrong arrays, ids that point nowhere, configs that corrupt the published engine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer import _engine
from metta_puffer.engine import UnsupportedGame, open_world
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


def test_more_cells_than_agents_and_unknown_cells(config: MettaGridConfig) -> None:
    with pytest.raises(ValueError, match=r"more 'agent\.agent' cells"):
        open_world(config, [["agent.agent"] * 3], engine="native")
    with pytest.raises(RuntimeError, match="Unknown object type: dragon"):
        open_world(config, [["agent.agent", "agent.agent", "dragon"]], engine="native")

"""From a config's map builder to the grid of cell names that the engines take."""

from typing import Any

import numpy as np
from mettagrid.config.mettagrid_c_config import rename_map_agents
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.map_builder import MapBuilder, MapBuilderConfig

Grid = list[list[str]]


def build_grid(config: MettaGridConfig, seed: int) -> Grid:
    """Cell names, row 0 first, from `config.game.map_builder` seeded with `seed` (if it takes one).

    A map builder inside MapGen that has no seed of its own gets others derived from `seed`, one for each instance: the
    published package leaves it to chance. Agent cells still carry their team's name. `config` is left unchanged.
    ValueError when the map has room for fewer than `config.game.num_agents` agents.
    """
    builder = config.game.map_builder.model_copy(deep=True)
    if hasattr(builder, "seed"):  # as isinstance with HasSeed says, which is as slow as a tenth of a map
        builder.seed = seed
    _seed_instances(builder, seed)
    grid: Grid = builder.create().build_for_num_agents(config.game.num_agents).grid.tolist()
    return grid


def _seed_instances(builder: Any, seed: int) -> None:
    """Changes `builder`: MapGen calls `create` of what it holds once an instance, each time with the next seed."""
    instance = getattr(builder, "instance", None)
    if not isinstance(instance, MapBuilderConfig):
        return
    rng = np.random.default_rng(seed)

    def create() -> MapBuilder:
        fresh: Any = instance.model_copy()
        own_seed = int(rng.integers(2**32))
        if getattr(fresh, "seed", own_seed) is None:
            fresh.seed = own_seed
        _seed_instances(fresh, own_seed)
        made: MapBuilder = fresh.create()
        return made

    seeding = instance.model_copy()
    object.__setattr__(seeding, "create", create)  # pydantic lets nobody assign what is no field
    builder.instance = seeding


def rename_agents(grid: Grid, renames: dict[str, list[str]]) -> Grid:
    """A copy of `grid` with each team cell replaced by the cell of the team's next agent.

    `renames` is the second result of `mettagrid.config.mettagrid_c_config.convert_to_cpp_game_config`. Cells that
    name one agent already stay as they are.
    """
    if not renames:
        return [list(row) for row in grid]
    renamed: Grid = rename_map_agents(grid, renames)
    return renamed

"""From a config's map builder to the grid of cell names that the engines take."""

from mettagrid.config.mettagrid_c_config import rename_map_agents
from mettagrid.config.mettagrid_config import MettaGridConfig

Grid = list[list[str]]


def build_grid(config: MettaGridConfig, seed: int) -> Grid:
    """Cell names, row 0 first, from `config.game.map_builder` seeded with `seed` (if it takes one).

    Agent cells still carry their team's name. `config` is left unchanged. ValueError when the map has room for
    fewer than `config.game.num_agents` agents.
    """
    builder = config.game.map_builder.model_copy(deep=True)
    if hasattr(builder, "seed"):  # as isinstance with HasSeed says, which is as slow as a tenth of a map
        builder.seed = seed
    grid: Grid = builder.create().build_for_num_agents(config.game.num_agents).grid.tolist()
    return grid


def rename_agents(grid: Grid, renames: dict[str, list[str]]) -> Grid:
    """A copy of `grid` with each team cell replaced by the cell of the team's next agent.

    `renames` is the second result of `mettagrid.config.mettagrid_c_config.convert_to_cpp_game_config`. Cells that
    name one agent already stay as they are.
    """
    if not renames:
        return [list(row) for row in grid]
    renamed: Grid = rename_map_agents(grid, renames)
    return renamed

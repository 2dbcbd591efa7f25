"""A world as text, drawn by the published package's renderer."""

from typing import Any

from mettagrid.config.mettagrid_config import MettaGridConfig


def render_text(config: MettaGridConfig, grid_objects: dict[int, dict[str, Any]]) -> str:
    """One line a row of the map, one symbol (`config.game.render.symbols`) a cell, a border around it."""
    from mettagrid.renderer.miniscope.buffer import MapBuffer
    from mettagrid.renderer.miniscope.symbol import DEFAULT_SYMBOL_MAP

    height = 1 + max(int(thing["r"]) for thing in grid_objects.values())
    width = 1 + max(int(thing["c"]) for thing in grid_objects.values())
    symbols = {**DEFAULT_SYMBOL_MAP, **config.game.render.symbols}
    text: str = MapBuffer(symbol_map=symbols, initial_height=height, initial_width=width).render_full_map(grid_objects)
    return text

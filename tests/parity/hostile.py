"""Games spoilt on purpose: valid drawn ones in which one number, name or map cell is replaced by a hostile one.

`spoil(seed)` always returns the same case. Values are put in behind pydantic's back, as a program that builds
configs may.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mettagrid.base_config import Config

from tests.parity.case import Case, Grid
from tests.parity.generator import generate

INTS = (-(2**63), -(2**31), -1, 0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64)
FLOATS = (math.nan, math.inf, -math.inf, 3.5e38, -1e300, -0.0, 1e-45, 2.0**31, -1.0)
NAMES = ("", "no such thing", "ore\0", "ä" * 40)
CELLS = ("", "dragon", "agent.agent", "agent.nobody", "WALL", "\0", "ä" * 40)
# What these numbers multiply is built in Python before any engine sees it, or takes the memory of the machine.
LEFT_ALONE = frozenset({"timesteps", "num_agents"})

Leaf = tuple[str, Any, Any]  # path, container, key or attribute


def leaves(node: Any, path: str) -> Iterator[Leaf]:
    """Every number and name of a config that can be replaced in place."""
    if isinstance(node, Config):
        entries: list[tuple[str, Any, Any]] = [
            (f"{path}.{name}", name, getattr(node, name)) for name in type(node).model_fields if name not in LEFT_ALONE
        ]
    elif isinstance(node, dict):
        entries = [(f"{path}.{key}", key, value) for key, value in node.items()]
    elif isinstance(node, list):
        entries = [(f"{path}[{i}]", i, value) for i, value in enumerate(node)]
    else:
        return
    for where, key, value in entries:
        if isinstance(value, (bool, type(None))):
            continue
        if isinstance(value, (int, float, str)):
            yield where, node, key
        else:
            yield from leaves(value, where)


def hostile_value(value: Any, draw: random.Random) -> Any:
    if isinstance(value, str):
        return draw.choice(NAMES)
    if isinstance(value, float):
        return draw.choice(FLOATS)
    return draw.choice(INTS)


def put(container: Any, key: Any, value: Any) -> None:
    if isinstance(container, Config):
        container.__dict__[key] = value
    else:
        container[key] = value


def spoil_grid(grid: Grid, draw: random.Random) -> str:
    kind = draw.choice(("cell", "ragged", "longer", "empty row", "no rows", "no agents"))
    row = draw.randrange(len(grid))
    if kind == "cell":
        grid[row][draw.randrange(len(grid[row]))] = draw.choice(CELLS)
    elif kind == "ragged":
        grid[row] = grid[row][:-1]
    elif kind == "longer":
        grid[row] = [*grid[row], "wall"]
    elif kind == "empty row":
        grid[row] = []
    elif kind == "no rows":
        grid.clear()
    else:
        for cells in grid:
            cells[:] = ["." if cell.startswith("agent.") else cell for cell in cells]
    return f"map: {kind}"


def spoil(seed: int, agent_steps: int = 60) -> tuple[Case, list[str]]:
    """The case, and what was done to it."""
    case = generate(seed, agent_steps)
    draw = random.Random(seed)
    config = case.config.model_copy(deep=True)
    grid = [list(row) for row in case.grid] if case.grid is not None else None
    done = []
    if grid and draw.random() < 0.2:
        done.append(spoil_grid(grid, draw))
    else:
        places = list(leaves(config.game, "game"))
        where, container, key = draw.choice(places)
        old = getattr(container, key) if isinstance(container, Config) else container[key]
        value = hostile_value(old, draw)
        put(container, key, value)
        done.append(f"{where} = {value!r} (was {old!r})")
    return replace(case, name=f"hostile-{seed}", config=config, grid=grid), done

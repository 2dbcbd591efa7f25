"""Games spoilt on purpose: valid drawn ones in which one value, container or map cell is replaced by a hostile one.

`spoil(seed)` always returns the same case. Values are put in behind pydantic's back, as a program that builds
configs may.
"""

import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mettagrid.base_config import Config

from metta_puffer.engine.compile import compile_game
from tests.parity.case import Case, Grid
from tests.parity.generator import generate

INTS = (
    *(-(2**63), -(2**31) - 1, -(2**31), -3, -1, 0, 1, 2, 127, 255, 256, 65535, 65536),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64),
)
FLOATS = (math.nan, math.inf, -math.inf, 3.5e38, -1e300, -0.0, 1e-45, 2.0**31, -1.0)
NAMES = (
    "",
    "no such thing",
    "ore\0",
    "ä" * 40,
    "x" * 5000,
    "\ud800",
    "agent",
    "target",
    "type:",
    "type:agent",
    "random",
)
STRANGERS = (None, True, False, 3, 2.5, math.nan, "7", "", [], {}, [1], {"": 1})
SCALARS = (
    *((bool, STRANGERS), (str, NAMES), (float, FLOATS), (int, INTS)),
    (type(None), (*INTS, *NAMES[:3], 0.5)),
)
CELLS = (
    *("", "dragon", "WALL", "\0", "ä" * 40, "\ud800", "empty", " ", "agent", "agent."),
    *("agent.agent", "agent.nobody", "agent.red", "agent.red.0", "agent.red.99", "agent.team_0", "agent.default"),
)
# What it multiplies is built in Python before any engine sees it, or takes the memory of the machine.
LEFT_ALONE = frozenset({"num_agents"})

Place = tuple[str, Any, Any]  # path, container, key or attribute


def places(node: Any, path: str) -> list[Place]:
    """Everything in a config that can be replaced in place, containers before what they hold."""
    if isinstance(node, Config):
        entries: list[tuple[str, Any, Any]] = [
            (f"{path}.{name}", name, getattr(node, name)) for name in type(node).model_fields if name not in LEFT_ALONE
        ]
    elif isinstance(node, dict):
        entries = [(f"{path}.{key}", key, value) for key, value in node.items()]
    elif isinstance(node, list):
        entries = [(f"{path}[{i}]", i, value) for i, value in enumerate(node)]
    else:
        return []
    found: list[Place] = []
    for where, key, value in entries:
        if value is None or isinstance(value, (bool, int, float, str, list, dict)):
            found.append((where, node, key))
        found += places(value, where)
    return found


def choose(found: list[Place], draw: random.Random) -> Place:
    """Any field as often as any other, however many of it there are."""
    fields: dict[str, list[Place]] = {}
    for place in found:
        where, container, _ = place
        name = re.sub(r"\d+|\[.*?\]", "", where.rsplit(".", 1)[-1])
        fields.setdefault(f"{type(container).__name__} {name}", []).append(place)
    return draw.choice(fields[draw.choice(sorted(fields))])


def hostile_value(value: Any, draw: random.Random) -> Any:
    """Mostly of the kind of `value`, now and then of another."""
    choices: Sequence[Any] = STRANGERS
    if draw.random() < 0.9:
        if isinstance(value, dict):
            return hostile_dict(value, draw)
        if isinstance(value, list):
            choices = ([], value[:1], value * 2, [*value[1:], *value[:1]], [*value, draw.choice(STRANGERS)])
        else:
            choices = next(values for kind, values in SCALARS if isinstance(value, kind))
    return draw.choice(choices)


def hostile_dict(value: dict[Any, Any], draw: random.Random) -> dict[Any, Any]:
    """Without entries, or with one under another name or under two."""
    if not value or draw.random() < 0.2:
        return {}
    changed = dict(value)
    key = draw.choice(sorted(changed, key=str))
    changed[draw.choice(NAMES)] = changed[key] if draw.random() < 0.3 else changed.pop(key)
    return changed


def put(container: Any, key: Any, value: Any) -> None:
    if isinstance(container, Config):
        container.__dict__[key] = value
    else:
        container[key] = value


def spoil_grid(grid: Grid, draw: random.Random) -> str:
    kind = draw.choice(("cell", "cell", "ragged", "longer", "empty row", "no rows", "no agents"))
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


def sound(seed: int, agent_steps: int) -> Case:
    """The drawn game of this seed, or of a later one where that is at fault: of two faults either may be named."""
    while True:
        case = generate(seed, agent_steps)
        try:
            compile_game(case.config).compile_map(case.grid or [])
        except ValueError:
            seed += 10**9
        else:
            return case


def spoil(seed: int, agent_steps: int = 60) -> tuple[Case, str]:
    """The case, and what was done to it."""
    case = sound(seed, agent_steps)
    draw = random.Random(seed)
    config = case.config.model_copy(deep=True)
    grid = [list(row) for row in case.grid] if case.grid is not None else None
    if grid and draw.random() < 0.1:
        done = spoil_grid(grid, draw)
    else:
        where, container, key = choose(places(config.game, "game"), draw)
        old = getattr(container, key) if isinstance(container, Config) else container[key]
        value = hostile_value(old, draw)
        put(container, key, value)
        done = f"{where} = {value!r:.200} (was {old!r:.200})"
    return replace(case, name=f"hostile-{seed}", config=config, grid=grid), done

"""Which published builders only scatter things over rooms, and what the engine needs to know to make their maps.

The published builders (mettagrid/mapgen/scenes/random.py inside mapgen.py, and map_builder/random_map.py) go through
scenes, arrays of names and copies of them, half a millisecond of Python a map. The engine (cpp/episode/random_maps)
draws the same numbers in the same order and writes cell kinds at once. Whatever is not known to be the same, and
whatever the published builders refuse, is left to them.
"""

from functools import cache
from math import ceil, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.map_builder.random_map import RandomMapBuilderConfig
from mettagrid.mapgen.mapgen import MapGenConfig
from mettagrid.mapgen.scene import GridTransform
from mettagrid.mapgen.scenes.random import RandomConfig

from metta_puffer import _engine
from metta_puffer.engine.compile import EMPTY_CELLS, NativeGame
from metta_puffer.engine.compile_names import fill

Cells = npt.NDArray[np.int16]

EMPTY = -1
LONGEST_NAME = 20  # published grids cut longer names
LONGEST_SIDE = 65535  # of a map that the engine takes

# What the engine's shuffles are compared with numpy's for: seeds of one and of two words, lengths that draw an odd
# number of times, so that the next begins with the other half of a number.
COMPARED_SEEDS = (0, 1, 2**32 - 1, 2**32, 2**64 - 1)
COMPARED_LENGTHS = (1, 2, 3, 64, 97, 0, 625, 1024)
COMPARED_CHILDREN = 3


class NotKnown(Exception):
    """The map is for the published builders to make."""


def random_map_maker(config: MettaGridConfig, game: NativeGame) -> Any:
    """The `_engine.MapMaker` of this game's maps, None where only the published builder knows how.

    `cells(seed)` of it equals `game.compile_map(build_grid(config, seed))` for all seeds below 2**64. `game` is
    `config` compiled.
    """
    builder = config.game.map_builder
    try:
        if type(builder) is MapGenConfig and type(builder.instance) is RandomConfig:
            frame, fields = _random_rooms(builder, builder.instance, config, game)
        elif type(builder) is RandomMapBuilderConfig:
            frame, fields = _random_map(builder, config, game)
        else:
            return None
    except NotKnown:
        return None
    if not numpy_shuffles_like_the_engine():
        return None
    return _engine.MapMaker(game.compiled, frame, fill(_engine.RandomMaps(), "game.map_builder", fields))


@cache
def numpy_shuffles_like_the_engine() -> bool:
    """Whether the installed numpy does what cpp/episode/numpy_random knows it to do.

    numpy promises its streams of bits, but not what `Generator.shuffle` makes of them (NEP 19).
    """
    for seed in COMPARED_SEEDS:
        generator = np.random.default_rng(seed)
        for number, child in [(None, generator), *enumerate(generator.spawn(COMPARED_CHILDREN))]:
            ours = _engine.numpy_shuffles(seed, number, COMPARED_LENGTHS)
            if ours != [_shuffled(child, length) for length in COMPARED_LENGTHS]:
                return False
    return True


def _shuffled(generator: np.random.Generator, length: int) -> list[int]:
    # The published builders shuffle names and places.
    items = np.arange(length).astype(str if length % 2 else np.int64)
    generator.shuffle(items)
    return [int(item) for item in items]


def _kind(name: str, game: NativeGame) -> int:
    """Of anything but an agent."""
    if name in EMPTY_CELLS:
        return EMPTY
    if name not in game.cells or name.startswith("agent") or len(name) > LONGEST_NAME:
        raise NotKnown
    return game.cells[name]


class _Things:
    """What one room holds, as cell kinds; `agents` of them are agents."""

    def __init__(self, objects: dict[str, int], agents: int | dict[str, int], game: NativeGame) -> None:
        self.teams: list[list[int]] = []  # kinds of their agents' cells
        counts = {"agent": agents} if isinstance(agents, int) else agents
        self.agents = sum(counts.values())
        if min([0, *objects.values(), *counts.values()]) < 0:
            raise NotKnown
        self.kinds: list[int] = []
        for name, count in objects.items():
            self.kinds += [_kind(name, game)] * count
        for name, count in counts.items():
            self.kinds += [self._kind_of_agent(f"agent.{name}", game)] * count

    def _kind_of_agent(self, name: str, game: NativeGame) -> int:
        if name not in game.cells or len(name) > LONGEST_NAME:
            raise NotKnown
        if name not in game.renames:  # the only agent of its team
            return game.cells[name]
        self.teams.append([game.cells[member] for member in game.renames[name]])
        stand_in: int = _engine.stand_in(len(self.teams) - 1)
        return stand_in

    def check_rooms(self, rooms: int, cells: int, num_agents: int) -> None:
        """Raises NotKnown unless all things find a cell of their own and all agents a place."""
        if len(self.kinds) > cells or self.agents * rooms != num_agents or num_agents == 0:
            raise NotKnown
        for team, members in enumerate(self.teams):
            if self.kinds.count(_engine.stand_in(team)) * rooms > len(members):
                raise NotKnown


def _random_rooms(
    builder: MapGenConfig, scene: RandomConfig, config: MettaGridConfig, game: NativeGame
) -> tuple[Cells, dict[str, Any]]:
    """Frame and record of a MapGen with the scene Random in every instance."""
    plain = not scene.children and scene.seed is None and scene.transform is GridTransform.IDENTITY
    if not plain or builder.set_team_by_instance or builder.instance_border_clear_radius:
        raise NotKnown
    if not builder.width or not builder.height or not builder.border_width:  # without a border all is wall
        raise NotKnown
    things = _Things(scene.objects, scene.agents, game)
    rooms = builder.instances or 1
    if builder.num_agents:
        rooms, rest = divmod(builder.num_agents, max(things.agents, 1))
        if rest or builder.instances not in {None, rooms}:
            raise NotKnown
    things.check_rooms(rooms, builder.width * builder.height, config.game.num_agents)
    frame, corners = _lay_out(builder, rooms, game)
    return frame, {
        "room_height": builder.height,
        "room_width": builder.width,
        "corners": corners,
        "things": things.kinds,
        "teams": things.teams,
        # With `num_agents` the builder makes the first room before it knows how many there are.
        "first_room_is_early": bool(builder.num_agents),
        "places_are_shuffled": True,
    }


def _lay_out(builder: MapGenConfig, rooms: int, game: NativeGame) -> tuple[Cells, list[tuple[int, int]]]:
    """The frame and the (row, col) of each room's first cell."""
    assert builder.width and builder.height
    rows = ceil(sqrt(rooms))
    cols = ceil(rooms / rows)
    wall, between = _kind("wall", game), _kind(builder.instance_border_object, game)
    border, gap = builder.border_width, builder.instance_border_width
    row_stride, col_stride = builder.height + gap, builder.width + gap
    frame = _framed((rows * row_stride - gap, cols * col_stride - gap), between, border, wall)
    corners = []
    for row in range(rows):
        for col in range(cols):
            top, left = border + row * row_stride, border + col * col_stride
            frame[top : top + builder.height, left : left + builder.width] = EMPTY
            corners.append((top, left))
    return frame, corners[:rooms]  # the last row may have rooms in which nothing stands


def _random_map(
    builder: RandomMapBuilderConfig, config: MettaGridConfig, game: NativeGame
) -> tuple[Cells, dict[str, Any]]:
    """Frame and record of a RandomMapBuilder: one room, whose cells are shuffled with what stands on them."""
    border = builder.border_width
    height, width = builder.height - 2 * border, builder.width - 2 * border
    if border < 0 or height <= 0 or width <= 0:
        raise NotKnown
    things = _Things(builder.objects, builder.agents, game)
    things.check_rooms(1, height * width, config.game.num_agents)
    wall = _kind(builder.border_object, game) if border else EMPTY
    return _framed((height, width), EMPTY, border, wall), {
        "room_height": height,
        "room_width": width,
        "corners": [(border, border)],
        "things": things.kinds + [EMPTY] * (height * width - len(things.kinds)),
        "teams": things.teams,
        "places_are_shuffled": False,
    }


def _framed(shape: tuple[int, int], kind: int, border: int, border_kind: int) -> Cells:
    if max(shape) + 2 * border > LONGEST_SIDE:
        raise NotKnown
    return np.pad(np.full(shape, kind, dtype=np.int16), border, constant_values=border_kind)

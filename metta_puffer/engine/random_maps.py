"""Maps of the published builders that only scatter things over rooms, made as the native engine takes them.

The published builders (mettagrid/mapgen/scenes/random.py inside mapgen.py, and map_builder/random_map.py) go through
scenes, arrays of names and copies of them, half a millisecond of Python a map. This draws the same numbers in the same
order from the same numpy generator and writes cell kinds at once, in a tenth of that. Whatever it does not know to be
the same, and whatever the published builders refuse, is left to them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.map_builder.random_map import RandomMapBuilderConfig
from mettagrid.mapgen.mapgen import MapGenConfig
from mettagrid.mapgen.scene import GridTransform
from mettagrid.mapgen.scenes.random import RandomConfig

from metta_puffer.engine.compile import EMPTY_CELLS, NativeGame

Cells = npt.NDArray[np.int16]
MapMaker = Callable[[int], Cells]  # int16 [height, width] of cell kinds from a map seed

EMPTY = -1
FIRST_TEAM = -2  # stands for the first team's cells until they get their agents; other teams have the numbers below
LONGEST_NAME = 20  # published grids cut longer names


class NotKnown(Exception):
    """The map is for the published builders to make."""


def random_map_maker(config: MettaGridConfig, game: NativeGame) -> MapMaker | None:
    """What makes this game's maps from seeds, None where only the published builder knows how.

    `maker(seed)` equals `game.compile_map(build_grid(config, seed))`. `game` is `config` compiled.
    """
    builder = config.game.map_builder
    try:
        if type(builder) is MapGenConfig and type(builder.instance) is RandomConfig:
            return _RandomRooms(builder, builder.instance, config, game)
        if type(builder) is RandomMapBuilderConfig:
            return _RandomMap(builder, config, game)
    except NotKnown:
        pass
    return None


@dataclass(frozen=True)
class _Team:
    stand_in: int
    members: Cells  # kinds of its agents' cells, in the order in which they take the team's cells


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
        self.teams: list[_Team] = []
        counts = {"agent": agents} if isinstance(agents, int) else agents
        self.agents = sum(counts.values())
        if min([0, *objects.values(), *counts.values()]) < 0:
            raise NotKnown
        kinds: list[int] = []
        for name, count in objects.items():
            kinds += [_kind(name, game)] * count
        for name, count in counts.items():
            kinds += [self._kind_of_agent(f"agent.{name}", game)] * count
        self.kinds = np.array(kinds, dtype=np.int16)

    def _kind_of_agent(self, name: str, game: NativeGame) -> int:
        if name not in game.cells or len(name) > LONGEST_NAME:
            raise NotKnown
        if name not in game.renames:  # the only agent of its team
            return game.cells[name]
        members = np.array([game.cells[member] for member in game.renames[name]], dtype=np.int16)
        self.teams.append(_Team(FIRST_TEAM - len(self.teams), members))
        return self.teams[-1].stand_in

    def check_rooms(self, rooms: int, cells: int, num_agents: int) -> None:
        """Raises NotKnown unless all things find a cell of their own and all agents a place."""
        if len(self.kinds) > cells or self.agents * rooms != num_agents or num_agents == 0:
            raise NotKnown
        for team in self.teams:
            if np.count_nonzero(self.kinds == team.stand_in) * rooms > len(team.members):
                raise NotKnown

    def name_agents(self, cells: Cells) -> Cells:
        """Gives each team's cells to its agents, row by row. Changes and returns `cells`."""
        flat = cells.reshape(-1)
        for team in self.teams:
            places = np.flatnonzero(flat == team.stand_in)
            flat[places] = team.members[: len(places)]
        return cells


class _RandomRooms:
    """MapGen with the scene Random in every instance."""

    def __init__(self, builder: MapGenConfig, scene: RandomConfig, config: MettaGridConfig, game: NativeGame) -> None:
        plain = not scene.children and scene.seed is None and scene.transform is GridTransform.IDENTITY
        if not plain or builder.set_team_by_instance or builder.instance_border_clear_radius:
            raise NotKnown
        if not builder.width or not builder.height or not builder.border_width:  # without a border all is wall
            raise NotKnown
        self._things = _Things(scene.objects, scene.agents, game)
        rooms = builder.instances or 1
        # With `num_agents` the builder makes the first room before it knows how many there are.
        self._first_room_is_early = bool(builder.num_agents)
        if builder.num_agents:
            rooms, rest = divmod(builder.num_agents, max(self._things.agents, 1))
            if rest or builder.instances not in {None, rooms}:
                raise NotKnown
        self._room_cells = builder.width * builder.height
        self._things.check_rooms(rooms, self._room_cells, config.game.num_agents)
        self._lay_out(builder, rooms, game)

    def _lay_out(self, builder: MapGenConfig, rooms: int, game: NativeGame) -> None:
        assert builder.width and builder.height
        rows = ceil(sqrt(rooms))
        cols = ceil(rooms / rows)
        wall, between = _kind("wall", game), _kind(builder.instance_border_object, game)
        border, gap = builder.border_width, builder.instance_border_width
        row_stride, col_stride = builder.height + gap, builder.width + gap
        inner = np.full((rows * row_stride - gap, cols * col_stride - gap), between, dtype=np.int16)
        self._frame = np.pad(inner, border, constant_values=wall)
        self._rooms: list[tuple[slice, slice]] = []
        for row in range(rows):
            for col in range(cols):
                top, left = border + row * row_stride, border + col * col_stride
                room = (slice(top, top + builder.height), slice(left, left + builder.width))
                self._frame[room] = EMPTY
                self._rooms.append(room)
        del self._rooms[rooms:]  # the last row may have rooms in which nothing stands

    def __call__(self, seed: int) -> Cells:
        cells = self._frame.copy()
        for room, rng in zip(self._rooms, self._generators(seed), strict=True):
            kinds = self._things.kinds.copy()
            places = np.arange(self._room_cells)
            rng.shuffle(kinds)
            rng.shuffle(places)
            cells[room].flat[places[: len(kinds)]] = kinds
        return self._things.name_agents(cells)

    def _generators(self, seed: int) -> list[np.random.Generator]:
        rng = np.random.default_rng(seed)
        if len(self._rooms) == 1:
            return [rng]
        spawned: list[np.random.Generator] = rng.spawn(len(self._rooms))
        return [rng, *spawned[1:]] if self._first_room_is_early else spawned


class _RandomMap:
    """RandomMapBuilder: one room, whose cells are shuffled with what stands on them."""

    def __init__(self, builder: RandomMapBuilderConfig, config: MettaGridConfig, game: NativeGame) -> None:
        border = builder.border_width
        height, width = builder.height - 2 * border, builder.width - 2 * border
        if border < 0 or height <= 0 or width <= 0:
            raise NotKnown
        self._things = _Things(builder.objects, builder.agents, game)
        self._things.check_rooms(1, height * width, config.game.num_agents)
        self._border, self._wall = border, _kind(builder.border_object, game) if border else EMPTY
        self._room = np.full(height * width, EMPTY, dtype=np.int16)
        self._room[: len(self._things.kinds)] = self._things.kinds
        self._shape = (height, width)

    def __call__(self, seed: int) -> Cells:
        room = self._room.copy()
        np.random.default_rng(seed).shuffle(room)
        cells = room.reshape(self._shape)
        if self._border:
            cells = np.pad(cells, self._border, constant_values=self._wall)
        return self._things.name_agents(cells)

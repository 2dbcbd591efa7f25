"""A MettaGridConfig to the tables of the native engine (cpp/game/game.hpp).

The config is left unchanged. Where the published engine refuses a config this raises too: KeyError for an unknown
resource where it raises KeyError, TypeError for numbers outside their type's range, ValueError for everything else
(it sometimes fails an assertion or misses an attribute there). UnsupportedGame stands for what only this engine
refuses: features it lacks, and configs on which the published engine corrupts its memory, stops later or looks away.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import GameConfig, MettaGridConfig

from metta_puffer import _engine
from metta_puffer.engine.compile_checks import check_unused, check_written
from metta_puffer.engine.compile_handlers import ORIENTATIONS, HandlerCompiler
from metta_puffer.engine.compile_names import (
    INT32,
    Names,
    agents_of,
    collect_names,
    fill,
    in_range,
    text,
)
from metta_puffer.engine.compile_objects import Cells, ObjectCompiler, lay_out_cells
from metta_puffer.engine.compile_observation import compile_observation
from metta_puffer.engine.compile_rules import ABSENT, RuleTables

UNSETTLED = -2  # a map cell whose kind depends on the cells before it, or of no known name
EMPTY_CELLS = frozenset({"empty", ".", " "})
INVALID_INDEX_STAT = re.compile(r"action\.invalid_index\.(0|-?[1-9][0-9]*)")


class PlainCells(dict[str, int]):
    """Kinds that a cell's name alone decides: empty cells and all but the teams'. Any other name is unsettled."""

    def __missing__(self, name: str) -> int:
        return UNSETTLED


@dataclass(frozen=True)
class NativeGame:
    """A compiled game and what is needed to talk about it in names."""

    compiled: Any  # _engine.CompiledGame
    num_agents: int
    num_tokens: int
    token_value_base: int
    cells: dict[str, int]  # cell name -> cell kind
    renames: dict[str, list[str]]
    resource_names: list[str]

    def compile_map(self, grid: Sequence[Sequence[str]]) -> npt.NDArray[np.int16]:
        """int16 [height, width] of cell kinds from cell names, agents named by team or already by agent.

        RuntimeError for an unknown cell, ValueError for rows of unequal length or more cells of a team than agents.
        """
        used = dict.fromkeys(self.renames, 0)
        cells = np.full((len(grid), len(grid[0]) if grid else 0), -1, dtype=np.int16)
        for r, row in enumerate(grid):
            if len(row) != cells.shape[1]:
                raise ValueError(f"map row {r} has {len(row)} cells, row 0 has {cells.shape[1]}")
        kinds = map(self._plain_cells.__getitem__, chain.from_iterable(grid))
        cells[:] = np.fromiter(kinds, np.int16, cells.size).reshape(cells.shape)
        unsettled = np.argwhere(cells == UNSETTLED).tolist()
        names = [self._member_cell(grid[r][c], used) for r, c in unsettled]
        for (r, c), name in zip(unsettled, names, strict=True):
            if name not in self.cells:
                raise RuntimeError(f"Unknown object type: {name}")
            cells[r, c] = self.cells[name]
        return cells

    @cached_property
    def _plain_cells(self) -> "PlainCells":
        plain = PlainCells((name, kind) for name, kind in self.cells.items() if name not in self.renames)
        plain |= dict.fromkeys(EMPTY_CELLS, ABSENT)
        return plain

    def _member_cell(self, name: str, used: dict[str, int]) -> str:
        """The cell of a team's next agent for the team's; any other as it is."""
        if name not in self.renames:
            return name
        members = self.renames[name]
        index = used[name]
        if index >= len(members):
            raise ValueError(f"the map has more {name!r} cells ({index + 1}) than the team has agents: {len(members)}")
        used[name] = index + 1
        return members[index]


def compile_game(config: MettaGridConfig) -> NativeGame:
    """The compiled game of a config. The errors it raises name the config path (see the module)."""
    game = config.game
    check_written(game)
    agents = agents_of(game)
    names = collect_names(game, agents)
    check_unused(game, names)
    cells = lay_out_cells(game, agents)
    names.cells = cells.configs
    tables = RuleTables()
    handlers = HandlerCompiler(names, tables, [query.tag for query in game.materialize_queries])
    objects = ObjectCompiler(names, handlers, agents[0].inventory.default_limit)
    compiled = _engine.GameTables()
    fields: dict[str, Any] = {
        "num_agents": game.num_agents,
        "max_steps": game.max_steps,
        "episode_truncates": game.episode_truncates,
        "resource_names": [text(name, "game.resource_names") for name in game.resource_names],
        "tag_names": list(names.tags),
        "vibe_names": [vibe.name for vibe in game.actions.change_vibe.vibes],
        # Before all other statistics: most steps change them, and so they lie together.
        "agent_stats": _agent_stat_ids(names),
        "resource_stats": _resource_stats(game, names),
        "game_stats": _game_stat_ids(names),
        "health_resource": names.resources.get("hp", ABSENT),
        "objects": [objects.compile(*source) for source in cells.sources],
        "cell_kinds": _cell_kinds(cells, names),
        "actions": _actions(game, names),
        "move_handlers": _move_handlers(game, handlers),
        "on_tick": handlers.handler(game.on_tick, "game.on_tick"),
        "territories": [
            _territory(territory, names, handlers, f"game.territories.{name}")
            for name, territory in game.territories.items()
        ],
        "materialized": [
            fill(
                _engine.MaterializedQuery(),
                f"game.materialize_queries[{i}]",
                {
                    "tag": names.tags[query.tag],
                    "query": handlers.query(query.query, f"game.materialize_queries[{i}].query"),
                },
            )
            for i, query in enumerate(game.materialize_queries)
        ],
        "observation": compile_observation(game, handlers),
        "end_thresholds": [
            (names.game_stats.slot(name), threshold) for name, threshold in dict(game.end_episode_on_game_stats).items()
        ],
    }
    fields |= _events(game, handlers)
    # Last: everything above may have named statistics and appended rules.
    fields |= vars(tables)
    fields["agent_stat_names"] = names.agent_stats.names
    fields["game_stat_names"] = names.game_stats.names
    fields["invalid_index_stats"] = [
        (int(match[1]), slot)
        for slot, name in enumerate(names.agent_stats.names)
        if (match := INVALID_INDEX_STAT.fullmatch(name))
    ]
    fill(compiled, "game", fields)
    return NativeGame(
        compiled=_engine.finish_game(compiled),
        num_agents=game.num_agents,
        num_tokens=int(game.obs.num_tokens),
        token_value_base=game.obs.token_value_base,
        cells={name: kind for kind, name in enumerate(cells.configs)},
        renames=cells.renames,
        resource_names=list(game.resource_names),
    )


def _resource_stats(game: GameConfig, names: Names) -> list[Any]:
    return [
        fill(
            _engine.ResourceStats(),
            "game.resource_names",
            {what: names.agent_stats.slot(f"{resource}.{what}") for what in ("amount", "gained", "lost", "deposited")},
        )
        for resource in game.resource_names
    ]


def _agent_stat_ids(names: Names) -> Any:
    slots = {
        "noop_success": "action.noop.success",
        "move_success": "action.move.success",
        "move_failed": "action.move.failed",
        "vibe_success": "action.change_vibe.success",
        "action_failed": "action.failed",
        "invalid_index": "action.invalid_index",
        "max_steps_without_motion": "status.max_steps_without_motion",
        "visited": "cell.visited",
        "unique_visited": "cell.unique_visited",
        "max_distance": "cell.max_distance_from_spawn",
        "swap": "actions.swap",
        "death": "death",
    }
    fields = {field: names.agent_stats.slot(name) for field, name in slots.items()}
    return fill(_engine.AgentStatIds(), "game", fields)


def _game_stat_ids(names: Names) -> Any:
    fields = {name: names.game_stats.slot(name) for name in ("tokens_written", "tokens_dropped", "tokens_free_space")}
    return fill(_engine.GameStatIds(), "game", fields)


def _cell_kinds(cells: Cells, names: Names) -> list[Any]:
    return [
        fill(
            _engine.CellKind(),
            "game.objects",
            {"name": name, "config": config, "count_stat": names.game_stats.slot(f"objects.{name}")},
        )
        for name, config in cells.configs.items()
    ]


def _actions(game: GameConfig, names: Names) -> list[Any]:
    """The engine's action table: noop and moves stay in it even when disabled."""
    move, change_vibe = game.actions.move, game.actions.change_vibe
    if isinstance(move.allowed_directions, str):
        raise TypeError(f"game.actions.move.allowed_directions = {move.allowed_directions!r} is no list")
    for i, direction in enumerate(move.allowed_directions):
        if direction not in ORIENTATIONS:
            known = ", ".join(ORIENTATIONS)
            raise KeyError(f"game.actions.move.allowed_directions[{i}]: {direction!r} is not one of {known}")
    actions = [fill(_engine.Action(), "game.actions.noop", {"kind": _engine.ActionKind.noop})]
    actions += [
        fill(
            _engine.Action(),
            "game.actions.move",
            {"kind": _engine.ActionKind.move, "orientation": ORIENTATIONS[direction]},
        )
        for direction in move.allowed_directions
    ]
    count = len(change_vibe.vibes) % 256 if change_vibe.enabled else 0
    actions += [
        fill(_engine.Action(), "game.actions.change_vibe", {"kind": _engine.ActionKind.change_vibe, "vibe": vibe})
        for vibe in range(count)
    ]
    return actions


def _move_handlers(game: GameConfig, handlers: HandlerCompiler) -> list[Any]:
    """The configured chain. What every game has after it is cpp/rules/actions.cpp's."""
    by_name = {
        handler.name or f"move_handler_{i}": (handler, f"game.actions.move.handlers[{i}]")
        for i, handler in enumerate(game.actions.move.handlers)
    }
    records = []
    for handler, path in by_name.values():
        text(handler.name or "", f"{path}.name")
        compiled = handlers.single(handler, path)
        radii = [one.radius for one in handler.filters if one.filter_type == "max_distance"]
        fields = {
            "handler": compiled,
            "range": (radii[-1] if radii else 0) or 1,
            "accepts_empty": any(one.filter_type == "target_loc_empty" for one in handler.filters),
        }
        records.append(fill(_engine.MoveHandler(), path, fields))
    return records


def _territory(config: Any, names: Names, handlers: HandlerCompiler, path: str) -> Any:
    fields: dict[str, Any] = {"tags": names.tags_with_prefix(config.tag_prefix)}
    for moment in ("on_enter", "on_exit", "presence"):
        fields[moment] = handlers.handlers(getattr(config, moment), f"{path}.{moment}")
    return fill(_engine.Territory(), path, fields)


def _events(game: GameConfig, handlers: HandlerCompiler) -> dict[str, Any]:
    """Events in byte order of their keys, and the order in which they fire."""
    if not isinstance(game.events, Mapping):
        raise TypeError(f"game.events = {game.events!r} is no mapping from keys to events")
    keys = sorted(game.events, key=lambda key: text(key, "game.events").encode())
    indices = {key: index for index, key in enumerate(keys)}
    events = []
    schedule = []
    for key in keys:
        event = game.events[key]
        path = f"game.events.{key}"
        # Negative numbers all mean as many as there are.
        max_targets = ABSENT if event.max_targets is None else in_range(event.max_targets, INT32, f"{path}.max_targets")
        fields = {
            "target_query": handlers.query(event.target_query, f"{path}.target_query"),
            "filters": handlers.filters(event.filters, f"{path}.filters"),
            "mutations": handlers.mutations(event.mutations, f"{path}.mutations", in_event=True),
            "max_targets": max(ABSENT, max_targets),
            "fallback": indices.get(text(event.fallback, f"{path}.fallback"), ABSENT) if event.fallback else ABSENT,
        }
        text(event.name, f"{path}.name")  # which names nothing
        events.append(fill(_engine.Event(), path, fields))
        priority = in_range(event.priority, INT32, f"{path}.priority")
        schedule += [(timestep, priority, indices[key]) for timestep in event.timesteps]
    entries = [
        fill(_engine.ScheduledEvent(), "game.events", {"timestep": timestep, "event": index})
        for timestep, _priority, index in sorted(schedule)
    ]
    return {"events": events, "schedule": entries}

"""Make a mismatching case small: fewer steps, agents and cells, a config without what does not matter."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from mettagrid.config.mettagrid_config import MettaGridConfig

from tests.parity.case import Case
from tests.parity.trees import Tree, from_tree, model_class, to_tree

StillFails = Callable[[Case], bool]


class _TriesSpent(Exception):
    pass


def shrink(case: Case, still_fails: StillFails, tries: int = 2000) -> Case:
    """The smallest case found within `tries` runs for which `still_fails` holds; it must hold for `case`."""
    left = tries

    def holds(candidate: Case) -> bool:
        nonlocal left
        if left <= 0:
            raise _TriesSpent
        left -= 1
        return still_fails(candidate)

    try:
        while True:
            before = _size(case)
            for reduce in (_fewer_steps, _fewer_agents, _plainer_config, _plainer_map, _plainer_actions):
                position: int | None = 0  # those before were tried on a larger case; tried again next round
                while position is not None:
                    position, case = _first_that_holds(case, reduce, position, holds)
            if _size(case) == before:
                return case
    except _TriesSpent:
        return case


def _first_that_holds(
    case: Case, reduce: Callable[[Case], Iterator[Case]], position: int, holds: StillFails
) -> tuple[int | None, Case]:
    """Where to go on and with which case; None when no candidate from `position` on is smaller and holds."""
    for index, candidate in enumerate(islice(reduce(case), position, None), position):
        if _size(candidate) < _size(case) and holds(candidate):
            return index, candidate
    return None, case


def _size(case: Case) -> tuple[int, int, int, int]:
    """Smaller is simpler: config first, then map, then steps, then actions that do something."""
    occupied = sum(cell not in (".", "empty", " ") for row in case.grid or [] for cell in row)
    area = sum(len(row) for row in case.grid or [])
    acting = int(np.count_nonzero(case.actions))
    acting += 0 if case.vibe_actions is None else 1 + int(np.count_nonzero(case.vibe_actions))
    edits = len(case.inventory_edits)
    return (len(str(to_tree(case.config))) + edits, occupied * 20 + area, case.actions.size, acting)


def _with_streams(case: Case, change: Callable[[np.ndarray], np.ndarray], **fields: Any) -> Case:
    vibes = None if case.vibe_actions is None else change(case.vibe_actions)
    return replace(case, actions=change(case.actions), vibe_actions=vibes, **fields)


def _fewer_steps(case: Case) -> Iterator[Case]:
    steps = case.env_steps
    for keep in dict.fromkeys([0, 1, steps // 8, steps // 2, steps * 3 // 4, steps - 1]):
        if 0 <= keep < steps:
            edits = tuple(edit for edit in case.inventory_edits if edit.step < keep)
            yield _with_streams(case, lambda stream, keep=keep: stream[:keep], inventory_edits=edits)
    for index in range(len(case.inventory_edits)):
        edits = case.inventory_edits[:index] + case.inventory_edits[index + 1 :]
        yield replace(case, inventory_edits=edits)


def _fewer_agents(case: Case) -> Iterator[Case]:
    """Drop one agent cell; which member of `agents` stood there follows from the order within its team."""
    grid = case.grid
    game = case.config.game
    if grid is None or game.num_agents < 2:
        return
    spots = [(r, c) for r, row in enumerate(grid) for c, cell in enumerate(row) if cell.startswith("agent.")]
    if len(spots) != game.num_agents:
        return
    for index in range(len(spots) - 1, -1, -1):
        r, c = spots[index]
        smaller = [row[:] for row in grid]
        smaller[r][c] = "."
        for member in range(len(game.agents) - 1, -1, -1) if game.agents else [None]:
            config = case.config.model_copy(deep=True)
            config.game.num_agents -= 1
            if member is not None:
                del config.game.agents[member]
            edits = tuple(
                replace(edit, agent=edit.agent - (edit.agent > index))
                for edit in case.inventory_edits
                if edit.agent != index
            )
            yield _with_streams(
                case,
                lambda stream, index=index: np.delete(stream, index, axis=1),
                grid=smaller,
                config=config,
                inventory_edits=edits,
            )


def _plainer_config(case: Case) -> Iterator[Case]:
    tree = to_tree(case.config)
    for smaller in _reductions(tree):
        try:
            config = from_tree(smaller)
        except (ValueError, TypeError, AssertionError):
            continue
        if isinstance(config, MettaGridConfig) and config.game.num_agents == case.config.game.num_agents:
            yield replace(case, config=config)


def _reductions(tree: Tree) -> Iterator[Tree]:
    """Trees with one thing less, larger things first."""
    found: list[tuple[int, int, Tree]] = []

    def collect(node: Tree, rebuild: Callable[[Tree], Tree]) -> None:
        if isinstance(node, dict):
            if "$vibe" in node:
                return  # a vibe is whole or absent
            for key, item in node.items():
                if key == "$":
                    continue
                rest = {name: value for name, value in node.items() if name != key}
                required = "$" in node and model_class(node["$"]).model_fields[key].is_required()
                if not required:
                    found.append((-len(str(item)), len(found), rebuild(rest)))
                for simpler in _simpler(item, node, key):
                    found.append((len(str(simpler)) - len(str(item)), len(found), rebuild({**node, key: simpler})))
                collect(item, lambda new, node=node, key=key: rebuild({**node, key: new}))
        elif isinstance(node, list):
            if len(node) > 3:
                half = len(node) // 2
                found.append((-len(str(node[half:])), len(found), rebuild(node[:half])))
                found.append((-len(str(node[:half])), len(found), rebuild(node[half:])))
            for index, item in enumerate(node):
                rest = node[:index] + node[index + 1 :]
                found.append((-len(str(item)), len(found), rebuild(rest)))
                for simpler in _simpler(item, None, ""):
                    changed = [*node[:index], simpler, *node[index + 1 :]]
                    found.append((len(str(simpler)) - len(str(item)), len(found), rebuild(changed)))
                collect(item, lambda new, node=node, i=index: rebuild([*node[:i], new, *node[i + 1 :]]))

    collect(tree, lambda new: new)
    for _, _, smaller in sorted(found, key=lambda entry: entry[:2]):
        yield smaller


def _simpler(item: Tree, parent: Tree, key: str) -> Iterator[Tree]:
    """Replacements of a node by something inside it or by a plainer value."""
    if isinstance(item, dict) and "$" in item:
        kind = item["$"]
        for name in ("inner", "query", "source", "numerator", "denominator", "reward"):
            inside = item.get(name)
            if isinstance(inside, dict) and "$" in inside:
                yield inside
            elif isinstance(inside, list):
                yield from inside
        for name in ("values", "handlers"):
            yield from item.get(name, []) if isinstance(item.get(name), list) else []
        if kind.endswith("Value") and kind != "ConstValue":
            yield {"$": "ConstValue", "value": 1.0}
        if kind in ("Query", "ClosureQuery", "RaycastQuery", "MaterializedQuery"):
            yield {"$": "Query", "source": "type:agent"}
    elif isinstance(item, int) and not isinstance(item, bool):
        for plain in (0, 1, 2):
            if abs(plain) < abs(item):
                yield plain
    elif isinstance(item, float) and item not in (0.0, 1.0):
        yield 1.0


def _plainer_map(case: Case) -> Iterator[Case]:
    grid = case.grid
    if grid is None:
        return
    for r in range(len(grid)):
        if len(grid) > 1 and not any(cell.startswith("agent.") for cell in grid[r]):
            yield replace(case, grid=grid[:r] + grid[r + 1 :])
    for c in range(len(grid[0])):
        if len(grid[0]) > 1 and not any(row[c].startswith("agent.") for row in grid):
            yield replace(case, grid=[row[:c] + row[c + 1 :] for row in grid])
    for r, row in enumerate(grid):
        for c, cell in enumerate(row):
            if cell not in (".", "empty", " ") and not cell.startswith("agent."):
                changed = [line[:] for line in grid]
                changed[r][c] = "."
                yield replace(case, grid=changed)


def _plainer_actions(case: Case) -> Iterator[Case]:
    if case.vibe_actions is not None:
        yield replace(case, vibe_actions=None)
    for name in ("actions", "vibe_actions"):
        stream = getattr(case, name)
        if stream is None:
            continue
        for agent in range(stream.shape[1]):
            if stream[:, agent].any():
                changed = stream.copy()
                changed[:, agent] = 0
                yield replace(case, **{name: changed})
        if stream.size <= 200:
            for index in np.argwhere(stream):
                changed = stream.copy()
                changed[tuple(index)] = 0
                yield replace(case, **{name: changed})

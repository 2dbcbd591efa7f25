"""What every zoo world is built from: a small default game, maps drawn with characters, scripted and random actions."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mettagrid.config.filter import AnyFilter
from mettagrid.config.game_value import AnyGameValue, ConstValue
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import (
    ActionsConfig,
    ChangeVibeActionConfig,
    GameConfig,
    GlobalObsConfig,
    GridObjectConfig,
    MettaGridConfig,
    MoveActionConfig,
    ObsConfig,
    WallConfig,
)
from mettagrid.config.mutation import StatsMutation, logStat
from mettagrid.config.vibes import VIBES

from tests.parity.case import Actions, Case, InventoryEdit

RESOURCES = ["ore", "gold", "heart", "gear"]
EMPTY_CELL = "."

# name -> function that builds the case; filled by the decorator below when a zoo module is imported.
WORLDS: dict[str, Callable[[], Case]] = {}


def world(build: Callable[[], Case]) -> Callable[[], Case]:
    """Register a zoo world. Its name is module and function, its note the docstring."""
    name = f"{build.__module__.rsplit('.', 1)[-1]}.{build.__name__}"

    def named() -> Case:
        note = " ".join((build.__doc__ or "").split())
        return dataclasses.replace(build(), name=name, note=note)

    assert name not in WORLDS, f"two zoo worlds named {name}"
    assert build.__doc__, f"{name} does not say what it shows"
    WORLDS[name] = named
    return named


def observing(width: int = 7, height: int = 7, tokens: int = 200, **fields: Any) -> ObsConfig:
    """ObsConfig; fields of GlobalObsConfig may be given as well."""
    inner = {key: fields.pop(key) for key in list(fields) if key in GlobalObsConfig.model_fields}
    return ObsConfig(width=width, height=height, num_tokens=tokens, global_obs=GlobalObsConfig(**inner), **fields)


def vibing(count: int = 4) -> ActionsConfig:
    return ActionsConfig(change_vibe=ChangeVibeActionConfig(vibes=list(VIBES[:count])))


def moving(*handlers: Handler, directions: list[str] | None = None) -> ActionsConfig:
    """Moves with these handlers, four vibes."""
    move = MoveActionConfig(handlers=list(handlers))
    if directions:
        move = MoveActionConfig(handlers=list(handlers), allowed_directions=directions)
    return ActionsConfig(move=move, change_vibe=ChangeVibeActionConfig(vibes=list(VIBES[:4])))


def config(num_agents: int = 2, /, **game: Any) -> MettaGridConfig:
    """A game with walls, four resources, four vibes and a 7x7 window unless said otherwise."""
    fields: dict[str, Any] = {
        "resource_names": list(RESOURCES),
        "num_agents": num_agents,
        "max_steps": 1000,
        "obs": observing(),
        "actions": vibing(),
        "objects": {},
    }
    fields.update(game)
    objects = fields["objects"]
    if "wall" not in objects:
        fields["objects"] = {"wall": WallConfig(), **objects}
    return MettaGridConfig(game=GameConfig(**fields))


def cells(rows: Sequence[str], legend: dict[str, str] | None = None) -> list[list[str]]:
    """A map from characters: `#` wall, `.` empty, `@` agent.agent, others by legend."""
    names = {"#": "wall", ".": EMPTY_CELL, "@": "agent.agent", **(legend or {})}
    return [[names[character] for character in row] for row in rows]


def move_names(cfg: MettaGridConfig) -> list[str]:
    return [str(direction) for direction in cfg.game.actions.move.allowed_directions]


def action_table_size(cfg: MettaGridConfig) -> int:
    vibes = cfg.game.actions.change_vibe
    return 1 + len(move_names(cfg)) + (len(vibes.vibes) % 256 if vibes.enabled else 0)


LETTERS = {"n": "north", "s": "south", "w": "west", "e": "east"}


def scripted(cfg: MettaGridConfig, *scripts: str) -> Actions:
    """int32 [env steps, agents] from one string an agent: n, s, w, e move, `.` does nothing."""
    moves = move_names(cfg)
    length = max(len(script) for script in scripts)
    actions = np.zeros((length, cfg.game.num_agents), dtype=np.int32)
    for agent, script in enumerate(scripts):
        for step, letter in enumerate(script):
            actions[step, agent] = 0 if letter == "." else 1 + moves.index(LETTERS[letter])
    return actions


def wandering(cfg: MettaGridConfig, env_steps: int, seed: int = 0) -> tuple[Actions, Actions]:
    """Random moves and noops, and now and then a vibe action in the vibe stream."""
    rng = np.random.default_rng(seed)
    shape = (env_steps, cfg.game.num_agents)
    moves, table = len(move_names(cfg)), action_table_size(cfg)
    actions = rng.integers(0, 1 + moves, shape)
    vibes = np.zeros(shape, dtype=np.int64)
    if table > 1 + moves:
        vibes = np.where(rng.random(shape) < 0.2, rng.integers(1 + moves, table, shape), 0)
    return actions.astype(np.int32), vibes.astype(np.int32)


def case(
    cfg: MettaGridConfig,
    rows: Sequence[str] | list[list[str]],
    legend: dict[str, str] | None = None,
    *,
    scripts: Sequence[str] = (),
    env_steps: int = 60,
    seed: int = 0,
    inventory_edits: Sequence[InventoryEdit] = (),
) -> Case:
    """The scripts first, then random actions up to `env_steps`."""
    grid = cells(rows, legend) if rows and isinstance(rows[0], str) else rows
    actions, vibes = wandering(cfg, env_steps, seed)
    if scripts:
        prefix = scripted(cfg, *scripts)
        actions[: len(prefix)] = prefix[:env_steps]
        vibes[: len(prefix)] = 0
    return Case(
        name="",
        config=cfg,
        grid=grid,  # type: ignore[arg-type]
        actions=actions,
        vibe_actions=vibes,
        seed=seed,
        inventory_edits=tuple(inventory_edits),
    )


def log(name: str) -> StatsMutation:
    """Game stat `name` += 1."""
    return logStat(name)


def machine(name: str, *filters: AnyFilter, mutations: Sequence[Any] = (), **fields: Any) -> GridObjectConfig:
    """An object that counts each use that passes `filters`, then runs `mutations`."""
    handler = Handler(name=name, filters=list(filters), mutations=[log(f"used.{name}"), *mutations])
    return GridObjectConfig(name=name, on_use_handler=handler, **fields)


def gauge(name: str, value: AnyGameValue, **fields: Any) -> GridObjectConfig:
    """An object whose use writes `value` into the game stat `value.<name>`."""
    return machine(name, mutations=[StatsMutation(stat=f"value.{name}", source=value)], **fields)


def const(value: float) -> ConstValue:
    return ConstValue(value=float(value))


def ring(objects: dict[str, GridObjectConfig], agents: int = 2) -> tuple[list[list[str]], dict[str, GridObjectConfig]]:
    """A walled corridor with the objects above and below it, so that wandering agents use them all."""
    names = [cfg.map_name for cfg in objects.values()]
    half = max(agents, (len(names) + 1) // 2)
    top, bottom = names[:half], names[half:]
    row = ["agent.agent" if i < agents else EMPTY_CELL for i in range(half)]
    pad = lambda part: ["wall", *part, *["wall"] * (half - len(part)), "wall"]  # noqa: E731
    return [pad(top), ["wall", *row, "wall"], pad(bottom)], objects

"""Actions: the table, both streams, invalid indices, and the fields that are read but have no effect."""

import dataclasses

import numpy as np
from mettagrid.config.action_config import (
    ActionsConfig,
    AttackActionConfig,
    AttackOutcome,
    ChangeVibeActionConfig,
    MoveActionConfig,
    NoopActionConfig,
)
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import logStat
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, observing, vibing, world

ROOM = ["#####", "#@..#", "#.#.#", "#..@#", "#####"]


@world
def four_directions() -> Case:
    """Moves into empty cells, walls and other agents; vibes in their own stream."""
    return case(config(2, obs=observing(last_action_move=True, local_position=True)), ROOM, env_steps=80)


@world
def crowd() -> Case:
    """Agent order is shuffled every step: nine agents contend for few cells."""
    cfg = config(9, obs=observing(last_action_move=True))
    return case(cfg, ["@@@..", "@@@..", "@@@.."], env_steps=60, seed=5)


@world
def eight_directions() -> Case:
    """Diagonal moves, in an order of their own, one direction listed twice."""
    directions = ["southeast", "north", "northwest", "east", "north", "southwest", "northeast", "south", "west"]
    actions = ActionsConfig(
        move=MoveActionConfig(allowed_directions=directions),
        change_vibe=ChangeVibeActionConfig(vibes=list(VIBES[2:7])),
    )
    return case(config(2, actions=actions, obs=observing(last_action_move=True)), ROOM, env_steps=100)


@world
def streams_crossed() -> Case:
    """Vibe indices in the core stream and core indices in the vibe stream do nothing."""
    made = case(config(2), ROOM, env_steps=40)
    rng = np.random.default_rng(1)
    shape = made.actions.shape
    return dataclasses.replace(
        made,
        actions=rng.integers(0, 9, shape).astype(np.int32),
        vibe_actions=rng.integers(0, 9, shape).astype(np.int32),
    )


@world
def invalid_indices() -> Case:
    """Out-of-range indices in both streams: counted twice, and a bad vibe index undoes the success of a move."""
    made = case(config(2), ROOM, env_steps=40)
    rng = np.random.default_rng(2)
    choices = np.array([0, 1, 2, 3, 4, 5, 8, 9, 10, -1, -7, 2**31 - 1, -(2**31)])
    return dataclasses.replace(
        made,
        actions=rng.choice(choices, made.actions.shape).astype(np.int32),
        vibe_actions=rng.choice(choices, made.actions.shape).astype(np.int32),
    )


@world
def no_vibe_stream() -> Case:
    """A host that gives no vibe actions at all."""
    return dataclasses.replace(case(config(2), ROOM, env_steps=30), vibe_actions=None)


@world
def disabled_noop_and_move() -> Case:
    """Disabled noop and move stay in the engine's action table."""
    actions = ActionsConfig(
        noop=NoopActionConfig(enabled=False),
        move=MoveActionConfig(enabled=False),
        change_vibe=ChangeVibeActionConfig(vibes=list(VIBES[:3])),
    )
    made = case(config(2, actions=actions), ROOM, env_steps=40)
    rng = np.random.default_rng(3)
    return dataclasses.replace(
        made,
        actions=rng.integers(0, 9, made.actions.shape).astype(np.int32),
        vibe_actions=rng.integers(0, 9, made.actions.shape).astype(np.int32),
    )


@world
def disabled_vibes() -> Case:
    """No vibe actions: their indices are out of range. The vibe names still exist for configs."""
    actions = ActionsConfig(change_vibe=ChangeVibeActionConfig(enabled=False, vibes=list(VIBES[:4])))
    made = case(config(2, actions=actions, agent=AgentConfig(vibe=2)), ROOM, env_steps=30)
    rng = np.random.default_rng(4)
    return dataclasses.replace(
        made,
        actions=rng.integers(0, 7, made.actions.shape).astype(np.int32),
        vibe_actions=rng.integers(0, 7, made.actions.shape).astype(np.int32),
    )


@world
def vibe_count_wraps() -> Case:
    """260 vibes: the count is taken modulo 256, so four vibe actions remain."""
    vibes = (list(VIBES) * 2)[:260]
    return case(config(2, actions=ActionsConfig(change_vibe=ChangeVibeActionConfig(vibes=vibes))), ROOM)


@world
def fields_without_effect() -> Case:
    """Handler names, required and consumed resources, and the whole attack action change nothing."""
    actions = ActionsConfig(
        noop=NoopActionConfig(action_handler="idle", required_resources={"gold": 3}, consumed_resources={"gold": 1}),
        move=MoveActionConfig(action_handler="walk", required_resources={"ore": 9}, consumed_resources={"ore": 1}),
        change_vibe=ChangeVibeActionConfig(
            action_handler="feel",
            required_resources={"gear": 2},
            consumed_resources={"gear": 1},
            vibes=list(VIBES[:4]),
        ),
        attack=AttackActionConfig(
            action_handler="fight",
            enabled=True,
            required_resources={"gold": 1},
            consumed_resources={"gold": 1},
            defense_resources={"gear": 1},
            armor_resources={"heart": 2},
            weapon_resources={"gold": 3},
            success=AttackOutcome(actor_inv_delta={"gold": 1}, target_inv_delta={"gold": -1}, loot=["ore"]),
            vibes=[VIBES[0].name],
            vibe_bonus={VIBES[1].name: 2},
        ),
    )
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 2, "gold": 5}))
    return case(config(2, actions=actions, agent=agent), ["#####", "#@@.#", "#####"], env_steps=60)


@world
def stepping_past_the_end() -> Case:
    """After max_steps the world goes on, the flags stay, completion stays at 255."""
    return case(config(2, max_steps=5), ROOM, env_steps=12)


@world
def truncating() -> Case:
    """episode_truncates raises truncations instead of terminals."""
    return case(config(2, max_steps=5, episode_truncates=True), ROOM, env_steps=8)


@world
def without_end() -> Case:
    """max_steps 0: no end, completion stays 0."""
    return case(config(2, max_steps=0, actions=vibing(1)), ROOM, env_steps=20)


@world
def ending_on_game_stats() -> Case:
    """A game stat that reaches its threshold truncates the episode; one that never exists does not."""
    agent = AgentConfig(on_tick=Handler(mutations=[logStat("ticks")]))
    cfg = config(2, agent=agent, end_episode_on_game_stats={"never": 0.0, "ticks": 9.0})
    return case(cfg, ROOM, env_steps=12)

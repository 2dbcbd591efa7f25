"""Metta's arena: mines give ore, generators turn ore into batteries, altars turn batteries into hearts.

Numbers are those of Metta's env tree of August 2025 (env/arena/*.yaml, env/game/**). What the current config
language cannot say is listed in docs/decisions/0010-arena-converters.md, with the mapping of everything else.
"""

from typing import Literal

from mettagrid.config.filter.target_loc_empty_filter import TargetLocEmptyFilter
from mettagrid.config.game_value import InventoryValue
from mettagrid.config.handler_config import (
    FirstMatch,
    Handler,
    SwapMutation,
    actorHas,
    targetHas,
    updateActor,
    updateTarget,
    withdraw,
)
from mettagrid.config.mettagrid_config import (
    ActionsConfig,
    AgentConfig,
    ChangeVibeActionConfig,
    GameConfig,
    GridObjectConfig,
    InventoryConfig,
    MettaGridConfig,
    MoveActionConfig,
    ResourceLimitsConfig,
    WallConfig,
)
from mettagrid.config.mutation import logActorAgentStat
from mettagrid.config.obs_config import GlobalObsConfig, ObsConfig
from mettagrid.config.render_config import RenderConfig
from mettagrid.config.reward_config import AgentReward, reward
from mettagrid.mapgen.mapgen import MapGenConfig
from mettagrid.mapgen.scenes.random import RandomConfig
from pydantic import Field

from metta_puffer.errors import UserError
from metta_puffer.games.converters import COOLDOWN, MAX_AMOUNT, Converter, converter_object, tick_handler
from metta_puffer.games.options import GameOptions

DEFAULT_AGENTS = 24
MAX_AGENTS = 64
UPSTREAM_AGENTS_PER_INSTANCE = 6
UPSTREAM_ROOM_SIZE = 25
UPSTREAM_OBJECTS = {"mine_red": 10, "generator_red": 5, "altar": 5, "block": 20, "wall": 20}
BORDER_WIDTH = 6
FROZEN = "frozen"
FREEZE_ENV_STEPS = 10
CARRIED_LIMIT = 50  # of every resource but hearts
REWARD_CAP = 1.0  # reward an agent can hold in one resource other than hearts (rewards/shaped.yaml)

Variant = Literal["basic", "basic_easy", "basic_easy_shaped", "combat"]

SYMBOLS = {
    "agent": "🤖",
    "wall": "⬛",
    "block": "📦",
    "mine_red": "🔺",
    "generator_red": "🔋",
    "altar": "💗",
    "armory": "🧥",
    "lasery": "🔫",
}


class ArenaOptions(GameOptions):
    """Counts are per instance: one room, with its own agents and objects."""

    variant: Variant = "basic_easy_shaped"
    # None: 6 where that divides the number of agents, as upstream; otherwise one room for all of them.
    agents_per_instance: int | None = Field(default=None, ge=1, le=MAX_AGENTS)
    # Side of a room in cells. None: 25 for 6 agents, and as much floor per agent for any other number.
    room_size: int | None = Field(default=None, ge=3, le=200)
    # None: upstream's number for 25 x 25 cells, as dense in a room of another size.
    mines: int | None = Field(default=None, ge=0)
    generators: int | None = Field(default=None, ge=0)
    altars: int | None = Field(default=None, ge=0)
    blocks: int | None = Field(default=None, ge=0)
    walls: int | None = Field(default=None, ge=0)
    # Reward for holding one; giving it away costs as much. None: the variant's.
    ore_reward: float | None = None
    battery_reward: float | None = None
    heart_reward: float = 1.0
    max_steps: int = Field(default=1000, ge=1)
    initial_resource_count: int = Field(default=0, ge=0, le=MAX_AMOUNT)  # outputs each converter starts with
    window: Literal[3, 5, 7, 9, 11, 13] = 11  # side of what an agent sees, in cells
    num_tokens: int = Field(default=200, ge=8)


def converters(variant: Variant) -> list[Converter]:
    """Those of env/game/objects/{mines,generators,basic,basic_easy,combat}.yaml that the arena places."""
    easy = variant in ("basic_easy", "basic_easy_shaped")
    chain = [
        Converter("mine_red", {}, {"ore_red": 1}, cooldown=50),
        Converter("generator_red", {"ore_red": 1}, {"battery_red": 1}, cooldown=25),
        Converter("altar", {"battery_red": 1 if easy else 3}, {"heart": 1}, cooldown=10),
    ]
    if variant == "combat":
        chain += [
            Converter("armory", {"ore_red": 3}, {"armor": 1}, cooldown=10),
            Converter("lasery", {"ore_red": 1, "battery_red": 2}, {"laser": 1}, cooldown=10),
        ]
    return chain


def make_arena(num_agents: int, options: ArenaOptions) -> MettaGridConfig:
    """A world of `num_agents` agents in one or more rooms. UserError where the sizes do not fit each other."""
    per_instance = _agents_per_instance(num_agents, options)
    chain = converters(options.variant)
    combat = options.variant == "combat"
    carried = ["ore_red", "battery_red", "heart", *(["armor", "laser"] if combat else [])]
    limits = {resource: MAX_AMOUNT if resource == "heart" else CARRIED_LIMIT for resource in carried}
    objects: dict[str, WallConfig | GridObjectConfig] = {"wall": WallConfig(), "block": WallConfig(name="block")}
    for converter in chain:
        objects[converter.name] = converter_object(converter, limits, options.initial_resource_count)
    return MettaGridConfig(
        label=f"arena.{options.variant}",
        desync_episodes=False,
        game=GameConfig(
            resource_names=[*carried, COOLDOWN, *([FROZEN] if combat else [])],
            num_agents=num_agents,
            max_steps=options.max_steps,
            obs=ObsConfig(
                width=options.window,
                height=options.window,
                num_tokens=options.num_tokens,
                global_obs=GlobalObsConfig(episode_completion_pct=True, last_action=True, last_reward=True),
            ),
            protocol_details_obs=False,
            agent=_agent(limits, options),
            actions=ActionsConfig(
                move=MoveActionConfig(handlers=_frozen_handlers() if combat else []),
                change_vibe=ChangeVibeActionConfig(enabled=False, vibes=[]),
            ),
            objects=objects,
            on_tick=tick_handler(chain),
            map_builder=_map(num_agents, per_instance, options),
            render=RenderConfig(symbols={name: SYMBOLS[name] for name in ("agent", *objects)}),
        ),
    )


def _agents_per_instance(num_agents: int, options: ArenaOptions) -> int:
    per_instance = options.agents_per_instance
    if per_instance is None:
        per_instance = UPSTREAM_AGENTS_PER_INSTANCE
        return per_instance if num_agents % per_instance == 0 else num_agents
    if num_agents % per_instance:
        raise UserError(
            f"{num_agents} agents cannot be divided into instances of {per_instance}",
            key="agents_per_instance",
            value=per_instance,
            remedy=f"choose a divisor of {num_agents}",
        )
    return per_instance


def _map(num_agents: int, per_instance: int, options: ArenaOptions) -> MapGenConfig:
    room_size = options.room_size
    if room_size is None:
        room_size = round(UPSTREAM_ROOM_SIZE * (per_instance / UPSTREAM_AGENTS_PER_INSTANCE) ** 0.5)
    density = (room_size / UPSTREAM_ROOM_SIZE) ** 2
    asked = {
        "mine_red": options.mines,
        "generator_red": options.generators,
        "altar": options.altars,
        "block": options.blocks,
        "wall": options.walls,
    }
    counts = {
        name: max(1, round(UPSTREAM_OBJECTS[name] * density)) if count is None else count
        for name, count in asked.items()
    }
    if options.variant == "combat":
        counts |= {"lasery": max(1, round(density)), "armory": max(1, round(density))}
    cells, wanted = room_size**2, sum(counts.values()) + per_instance
    if wanted > cells:
        raise UserError(
            f"{wanted} objects and agents do not fit into a room of {room_size} x {room_size} cells",
            key="room_size",
            value=room_size,
            remedy="choose a larger room, or fewer objects or agents",
        )
    return MapGenConfig(
        instances=num_agents // per_instance,
        width=room_size,
        height=room_size,
        border_width=BORDER_WIDTH,
        instance_border_width=0,
        instance=RandomConfig(agents=per_instance, objects=counts, too_many_is_ok=False),
        seed=0,
    )


def _agent(limits: dict[str, int], options: ArenaOptions) -> AgentConfig:
    shaped = options.variant == "basic_easy_shaped"
    weights = {
        "ore_red": options.ore_reward if options.ore_reward is not None else 0.1 * shaped,
        "battery_red": options.battery_reward if options.battery_reward is not None else 0.8 * shaped,
        "heart": options.heart_reward,
    }
    rewards: dict[str, AgentReward] = {
        resource: reward(InventoryValue(item=resource), weight=weight, max=None if resource == "heart" else REWARD_CAP)
        for resource, weight in weights.items()
        if weight
    }
    inventory = InventoryConfig(
        default_limit=CARRIED_LIMIT,
        limits={"heart": ResourceLimitsConfig(base=MAX_AMOUNT, max=MAX_AMOUNT, resources=["heart"])},
    )
    if options.variant != "combat":
        return AgentConfig(rewards=rewards, inventory=inventory)
    inventory.limits[FROZEN] = ResourceLimitsConfig(
        base=FREEZE_ENV_STEPS + 1, max=FREEZE_ENV_STEPS + 1, resources=[FROZEN]
    )
    return AgentConfig(
        rewards=rewards,
        inventory=inventory,
        on_use_handler=FirstMatch(
            handlers=[
                Handler(
                    name="blocked",
                    filters=[actorHas({"laser": 1}), targetHas({"armor": 1})],
                    mutations=[
                        updateActor({"laser": -1}),
                        updateTarget({"armor": -1}),
                        logActorAgentStat("attack.blocked"),
                    ],
                ),
                Handler(
                    name="hit",
                    filters=[actorHas({"laser": 1})],
                    mutations=[
                        updateActor({"laser": -1}),
                        # One more than the freeze lasts: the env step of the attack counts one down itself.
                        updateTarget({FROZEN: FREEZE_ENV_STEPS + 1}),
                        withdraw({resource: -1 for resource in limits}),
                        logActorAgentStat("attack.hit"),
                    ],
                ),
                Handler(name="swap", filters=[targetHas({FROZEN: 1})], mutations=[SwapMutation()]),
            ]
        ),
        on_tick=Handler(filters=[actorHas({FROZEN: 1})], mutations=[updateActor({FROZEN: -1})]),
    )


def _frozen_handlers() -> list[Handler]:
    """Moves of a frozen agent end here, with no effect, before the engine's own move handlers are tried."""
    return [
        Handler(name="frozen_before_empty", filters=[TargetLocEmptyFilter(), actorHas({FROZEN: 1})]),
        Handler(name="frozen_before_object", filters=[actorHas({FROZEN: 1})]),
    ]

"""Edges: numbers beyond the integers they become, counters that wrap, things done to a territory's cell object."""

import math

from mettagrid.config.filter import query
from mettagrid.config.game_value import ConstValue, InventoryValue, MaxGameValue, SumGameValue
from mettagrid.config.handler_config import AllOf, AOEConfig, Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    ChangeVibeMutation,
    EntityTarget,
    QueryInventoryMutation,
    RaycastSpawnMutation,
    RemoveTagMutation,
    ResourceDeltaMutation,
    ResourceTransferMutation,
    SetGameValueMutation,
    SetRelativeTargetMutation,
    StatsMutation,
    UseTargetMutation,
    updateActor,
)
from mettagrid.config.query import Query
from mettagrid.config.raycast_query import RaycastQuery
from mettagrid.config.reward_config import AgentReward
from mettagrid.config.territory_config import TerritoryConfig
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, machine, observing, world
from tests.parity.zoo.territory import LEGEND, ROWS, post, teams

BEYOND = [3e9, 1e20, -1e20, math.inf, -math.inf, math.nan]
ACTOR, TARGET = EntityTarget.ACTOR, EntityTarget.TARGET


def ticking(*mutations: object, **fields: object) -> AgentConfig:
    return AgentConfig(on_tick=Handler(mutations=list(mutations)), **fields)


@world
def limits_beyond_integers() -> Case:
    """Query limits and ranges of rays from values that no int32 holds: as an x86-64 processor converts them."""
    agent = ticking(
        *[
            QueryInventoryMutation(query=Query(source="type:agent", max_items=const(value)), deltas={"ore": 1})
            for value in BEYOND
        ],
        *[
            QueryInventoryMutation(query=RaycastQuery(source="type:agent", max_range=const(value)), deltas={"gold": 1})
            for value in BEYOND
        ],
        *[RaycastSpawnMutation(object_type="wall", max_range=const(value)) for value in BEYOND],
    )
    return case(config(2, agent=agent), ["@...@."], env_steps=6)


@world
def deltas_beyond_integers() -> Case:
    """Inventory changes by values that no int32 holds."""
    agent = AgentConfig(
        on_tick=AllOf(
            handlers=[
                Handler(
                    mutations=[
                        SetGameValueMutation(value=InventoryValue(item="ore"), delta=value),
                        updateActor({"ore": 7}),
                    ]
                )
                for value in BEYOND
            ]
        ),
        inventory=InventoryConfig(initial={"ore": 5}),
    )
    return case(config(2, agent=agent), ["@.@"], env_steps=4)


@world
def values_beyond_integers() -> Case:
    """Observed values, a radius and rewards that are infinite or not a number."""
    values = {f"v{i}": const(value) for i, value in enumerate([*BEYOND, 2.0**63, -(2.0**63), 2.0**32 + 512])}
    rewards = {
        "inf": AgentReward(reward=const(math.inf), per_tick=True),
        "max": AgentReward(reward=MaxGameValue(values=[const(math.nan), const(1)]), per_tick=True),
        "log": AgentReward(reward=SumGameValue(values=[const(-5)], log=True)),
    }
    agents = [AgentConfig(rewards={name: entry}) for name, entry in rewards.items()]
    obs = observing(obs=values, observation_radius_value=const(math.nan))
    return case(config(3, agents=agents, obs=obs, protocol_details_obs=False), ["@@.@"], env_steps=4)


@world
def infinite_radius() -> Case:
    """An infinite radius."""
    return case(config(2, obs=observing(observation_radius_value=const(math.inf))), ["@.#.@"], env_steps=4)


@world
def wrapping_counters() -> Case:
    """A shared limit used beyond 65535 wraps its counter; deltas beyond int32 wrap before they are clamped."""
    limits = {"bag": {"base": 65535, "resources": ["ore", "gold"]}}
    agent = ticking(
        updateActor({"ore": 1, "gold": -1}),
        updateActor({"heart": 2**31 - 1}),
        updateActor({"heart": 2**31 - 1, "ore": 5}),
        updateActor({"heart": -(2**31), "gold": 2}),
        inventory=InventoryConfig(initial={"ore": 40000, "gold": 40000}, limits=limits),
    )
    return case(config(2, agent=agent), ["@.@"], env_steps=6)


@world
def transfers_without_room() -> Case:
    """A transfer that moves nothing still updates both sides, which cuts them down to their limits."""
    limits = {"bag": {"base": 5, "resources": ["ore"]}}
    full = InventoryConfig(initial={"ore": 9}, limits=limits)
    move = ResourceTransferMutation
    objects = {
        "put": machine(
            "put", mutations=[move(from_target=ACTOR, to_target=TARGET, resources={"ore": 1})], inventory=full
        ),
        "take": machine(
            "take", mutations=[move(from_target=TARGET, to_target=ACTOR, resources={"ore": -1})], inventory=full
        ),
        "bank": machine("bank", tags=["bank"], inventory=full),
        "pay": machine("pay", mutations=[QueryInventoryMutation(query=query("bank"), deltas={"ore": 1}, source=ACTOR)]),
        "draw": machine(
            "draw", mutations=[QueryInventoryMutation(query=query("bank"), deltas={"ore": -1}, source=ACTOR)]
        ),
    }
    grid = [
        ["wall", "put", "take", "wall"],
        ["bank", "agent.agent", "agent.agent", "bank"],
        ["wall", "pay", "draw", "wall"],
    ]
    return case(config(2, agent=AgentConfig(inventory=full), objects=objects), grid, env_steps=30)


@world
def values_in_time() -> Case:
    """Periodic filters inside values: observations see the current step, rewards always step 0."""
    from mettagrid.config.filter import PeriodicFilter
    from mettagrid.config.game_value import QueryCountValue

    def counted(period: int, start_on: int | None) -> QueryCountValue:
        return QueryCountValue(
            query=Query(source="type:agent", filters=[PeriodicFilter(period=period, start_on=start_on)])
        )

    values = {"always": counted(1, 0), "second": counted(2, None), "even": counted(2, 0)}
    weighted = SumGameValue(values=list(values.values()), weights=[1, 10, 100])
    agent = AgentConfig(rewards={"all": AgentReward(reward=weighted, per_tick=True)})
    return case(config(2, agent=agent, obs=observing(obs=values)), ["@.@"], env_steps=8)


@world
def things_done_to_the_cell_object() -> Case:
    """Mutations on the actor of a territory handler, an object that is on no grid and in no index."""
    mutations = [
        AddTagMutation(tag="mark", target=ACTOR),
        RemoveTagMutation(tag="team:red", target=ACTOR),
        ResourceDeltaMutation(target=ACTOR, deltas={"ore": 1}),
        ChangeVibeMutation(target=ACTOR, vibe_name=VIBES[1].name),
        ResourceTransferMutation(from_target=TARGET, to_target=ACTOR, resources={"ore": 1}),
        SetGameValueMutation(value=InventoryValue(item="ore"), delta=1, target=ACTOR),
        StatsMutation(stat="x", target="agent", entity="actor", source=ConstValue(value=1)),
        StatsMutation(stat="y", target="agent", source=InventoryValue(item="ore")),
        SetRelativeTargetMutation(direction="east"),
    ]
    presence = {f"h{i}": Handler(mutations=[mutation]) for i, mutation in enumerate(mutations)}
    presence["use"] = Handler(mutations=[UseTargetMutation()])
    land = TerritoryConfig(tag_prefix="team:", presence=presence)
    cfg = config(
        2,
        agents=teams(inventory={"initial": {"ore": 9}}),
        objects={"r": post("red"), "b": post("blue")},
        territories={"land": land},
        tags=["mark"],
        obs=observing(territory=True),
    )
    return case(cfg, ROWS, LEGEND, env_steps=40)


@world
def far_reaching_area() -> Case:
    """An area far larger than the map, and names used twice."""
    area = AOEConfig(radius=100000, mutations=[ResourceDeltaMutation(target=TARGET, deltas={"ore": 1})])
    agent = AgentConfig(aoes={"a": area}, inventory=InventoryConfig(initial={"ore": 3}))
    obs = observing(obs={"inv:ore": const(7), "tag": const(8)})
    return case(config(2, agent=agent, resource_names=["ore", "gold", "ore", "gear"], obs=obs), ["@.@"], env_steps=6)

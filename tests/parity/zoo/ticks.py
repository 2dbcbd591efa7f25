"""on_tick of agents and of the game, whose context persists between steps."""

from mettagrid.config.filter import PeriodicFilter, actorHas, hasTag, isNot, query
from mettagrid.config.game_value import QueryCountValue
from mettagrid.config.handler_config import AllOf, FirstMatch, Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    QueryInventoryMutation,
    RelocateMutation,
    SpawnObjectMutation,
    StatsMutation,
    SwapMutation,
    updateActor,
    updateTarget,
)

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, log, machine, world


@world
def agent_tick() -> Case:
    """Agents in order of their ids, actor and target the agent itself, the target cell (0,0)."""
    tick = FirstMatch(
        handlers=[
            Handler(filters=[PeriodicFilter(period=7)], mutations=[RelocateMutation(), log("home")]),
            Handler(
                filters=[PeriodicFilter(period=5)], mutations=[SpawnObjectMutation(object_type="egg"), log("laid")]
            ),
            Handler(filters=[actorHas({"ore": 2})], mutations=[updateActor({"ore": -2}), updateTarget({"gold": 1})]),
            Handler(mutations=[QueryInventoryMutation(query=query("type:agent"), deltas={"ore": 1}), SwapMutation()]),
        ]
    )
    agents = [AgentConfig(on_tick=tick, inventory=InventoryConfig(initial={"ore": i})) for i in range(3)]
    return case(config(3, agents=agents, objects={"egg": machine("egg")}), [".....", ".@.@.", "..@.."], env_steps=50)


@world
def game_tick() -> Case:
    """The game's handler runs on the world's own context: a spawned target stays the target in later steps."""
    tick = AllOf(
        handlers=[
            Handler(
                filters=[PeriodicFilter(period=4)], mutations=[SpawnObjectMutation(object_type="egg"), log("spawned")]
            ),
            Handler(filters=[hasTag("egg")], mutations=[updateTarget({"gold": 1}), log("hit")]),
            Handler(filters=[isNot(hasTag("egg"))], mutations=[log("none")]),
            Handler(
                mutations=[
                    AddTagMutation(tag="warm"),
                    StatsMutation(stat="eggs", source=QueryCountValue(query=query("egg"))),
                ]
            ),
        ]
    )
    egg = machine("egg", tags=["egg"], mutations=[updateActor({"heart": 1})])
    return case(config(2, on_tick=tick, objects={"egg": egg}, tags=["warm"]), [".....", ".@.@.", "....."], env_steps=40)


@world
def phases() -> Case:
    """One chain through all phases of a step: action, event, tick, AOE, game tick, each needing the one before."""
    from mettagrid.config.event_config import EventConfig
    from mettagrid.config.mettagrid_config import AOEConfig, GridObjectConfig

    lamp = GridObjectConfig(
        name="lamp",
        on_use_handler=Handler(mutations=[updateActor({"ore": 1})]),
        aoes={
            "fixed": AOEConfig(radius=3, filters=[], mutations=[updateTarget({"gear": 1})]),
            "mobile": AOEConfig(
                radius=3,
                is_static=False,
                mutations=[QueryInventoryMutation(query=query("type:agent"), deltas={"gear": 1})],
            ),
        },
    )
    agent = AgentConfig(
        on_tick=Handler(filters=[actorHas({"gold": 1})], mutations=[updateActor({"gold": -1, "heart": 1})])
    )
    events = {
        "e": EventConfig(
            target_query="type:agent",
            timesteps=list(range(1, 60)),
            filters=[isNot(actorHas({"gold": 1})), actorHas({"ore": 1})],
            mutations=[updateTarget({"ore": -1, "gold": 1})],
        )
    }
    tick = Handler(
        mutations=[
            QueryInventoryMutation(query=query("type:agent", [actorHas({"heart": 9})]), deltas={"heart": -9}),
            QueryInventoryMutation(query=query("type:agent"), deltas={"gear": -1}),
        ]
    )
    return case(
        config(2, agent=agent, objects={"lamp": lamp}, events=events, on_tick=tick),
        ["@l@", "l.."],
        {"l": "lamp"},
        env_steps=50,
    )

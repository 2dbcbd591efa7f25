"""Errors that are part of behaviour: raised by both engines, of the same kind and with the same facts."""

import dataclasses

from mettagrid.config.event_config import EventConfig
from mettagrid.config.filter import NotFilter, ResourceFilter, TargetIsUsableFilter, TargetLocEmptyFilter, query
from mettagrid.config.game_value import InventoryValue, QueryCountValue, StatValue
from mettagrid.config.handler_config import AOEConfig, Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    ClearInventoryMutation,
    EntityTarget,
    PushObjectMutation,
    RaycastSpawnMutation,
    RecomputeMaterializedQueryMutation,
    SetGameValueMutation,
    StatsMutation,
    SwapMutation,
    UseTargetMutation,
    updateActor,
)
from mettagrid.config.query import Query

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, log, machine, moving, observing, world

ROOM = ["@..", "..@"]


def ticking(*mutations: object, filters: tuple[object, ...] = ()) -> AgentConfig:
    return AgentConfig(on_tick=Handler(mutations=list(mutations), filters=list(filters)))


@world
def budget_at_construction() -> Case:
    """Too few tokens for the first observation."""
    return case(config(2, obs=observing(7, 7, 5)), ROOM, env_steps=3)


@world
def budget_during_a_step() -> Case:
    """Too few tokens in a later step: agent, step, location, budget, attempted and dropped are stated."""
    agent = ticking(updateActor({"ore": 1, "gold": 130}))
    return case(config(2, agent=agent, obs=observing(3, 3, 12)), ROOM, env_steps=9)


@world
def unknown_cell() -> Case:
    """A cell that names nothing."""
    return case(config(1), [["agent.agent", "dragon"]], env_steps=2)


@world
def window_too_large() -> Case:
    """More than 15 rows or columns do not fit a location byte."""
    return case(config(2, obs=observing(17, 17)), ROOM, env_steps=2)


@world
def too_few_agents() -> Case:
    """Fewer agents on the map than the config says."""
    return case(config(3), ROOM, env_steps=2)


@world
def too_many_agents() -> Case:
    """More agents on the map than the team has members."""
    return case(config(1, agents=[AgentConfig()]), ROOM, env_steps=2)


@world
def more_cells_than_members() -> Case:
    """A team of two and three cells."""
    return case(config(2), ["@@@"], env_steps=2)


@world
def more_cells_than_members_after_an_unknown_one() -> Case:
    """All cells of teams are counted before any other is looked at."""
    return case(config(2), [["dragon", *["agent.agent"] * 3]], env_steps=2)


@world
def unequal_team_tags() -> Case:
    """Members of one team with different tags."""
    return case(config(2, agents=[AgentConfig(tags=["a"]), AgentConfig(tags=["b"])]), ROOM, env_steps=2)


@world
def too_many_tags() -> Case:
    """More than 256 tags."""
    return case(config(2, tags=[f"t{i}" for i in range(256)]), ROOM, env_steps=2)


@world
def too_many_features() -> Case:
    """Feature ids beyond a byte."""
    return case(config(2, resource_names=[f"r{i}" for i in range(64)]), ROOM, env_steps=2)


@world
def unknown_query_tag() -> Case:
    """A query over a tag that nobody has."""
    event = EventConfig(target_query=query("ghost"), timesteps=[1])
    return case(config(2, events={"e": event}), ROOM, env_steps=2)


@world
def unknown_prefix() -> Case:
    """A removal handler whose prefix matches no tag."""
    return case(config(2, agent=AgentConfig(on_tag_remove={"ghost": Handler()})), ROOM, env_steps=2)


@world
def unknown_limit() -> Case:
    """Clearing a limit that no agent has."""
    agent = ticking(ClearInventoryMutation(target=EntityTarget.ACTOR, limit_name="bag"))
    return case(config(2, agent=agent), ROOM, env_steps=2)


@world
def unknown_resource_delta() -> Case:
    """A delta of an unknown resource."""
    return case(config(2, agent=ticking(updateActor({"silk": 1}))), ROOM, env_steps=2)


@world
def unknown_resource_value() -> Case:
    """A value of an unknown resource."""
    return case(config(2, agent=ticking(SetGameValueMutation(value=InventoryValue(item="silk")))), ROOM, env_steps=2)


@world
def unknown_tag_added() -> Case:
    """Adding a tag the game does not know."""
    return case(config(2, agent=ticking(AddTagMutation(tag="ghost"))), ROOM, env_steps=2)


@world
def unknown_recompute() -> Case:
    """Recomputing a prefix that matches no tag."""
    return case(config(2, agent=ticking(RecomputeMaterializedQueryMutation(tag_prefix="ghost"))), ROOM, env_steps=2)


@world
def unknown_initial_resource() -> Case:
    """An agent that starts with an unknown resource."""
    return case(config(2, agent=AgentConfig(inventory=InventoryConfig(initial={"silk": 1}))), ROOM, env_steps=2)


@world
def unknown_presence_resource() -> Case:
    """A presence delta of an unknown resource."""
    return case(config(2, agent=AgentConfig(aoes={"a": AOEConfig(presence_deltas={"silk": 1})})), ROOM, env_steps=2)


@world
def unknown_consumed_resource() -> Case:
    """An enabled action that consumes an unknown resource."""
    made = config(2)
    made.game.actions.move.consumed_resources = {"silk": 1}
    return case(made, ROOM, env_steps=2)


@world
def unknown_required_resource() -> Case:
    """An enabled action that requires an unknown resource."""
    made = config(2)
    made.game.actions.noop.required_resources = {"silk": 1}
    return case(made, ROOM, env_steps=2)


@world
def negative_resource_minimum() -> Case:
    """A minimum outside the width of an amount."""
    negative = ResourceFilter(target="actor", resources={"ore": -1})
    return case(config(2, agent=ticking(log("x"), filters=(negative,))), ROOM, env_steps=2)


@world
def swap_in_an_event() -> Case:
    """Swaps cannot stand in events."""
    event = EventConfig(target_query="type:agent", timesteps=[1], mutations=[SwapMutation()])
    return case(config(2, events={"e": event}), ROOM, env_steps=2)


@world
def use_in_an_event() -> Case:
    """Uses cannot stand in events."""
    event = EventConfig(target_query="type:agent", timesteps=[1], mutations=[UseTargetMutation()])
    return case(config(2, events={"e": event}), ROOM, env_steps=2)


@world
def push_in_an_event() -> Case:
    """Pushes cannot stand in events."""
    event = EventConfig(target_query="type:agent", timesteps=[1], mutations=[PushObjectMutation()])
    return case(config(2, events={"e": event}), ROOM, env_steps=2)


@world
def empty_cell_filter_negated() -> Case:
    """Filters on the target cell cannot be negated."""
    return case(
        config(2, agent=ticking(log("x"), filters=(NotFilter(inner=TargetLocEmptyFilter()),))), ROOM, env_steps=2
    )


@world
def usable_filter_in_a_query() -> Case:
    """Filters on the target cell cannot stand in queries."""
    value = QueryCountValue(query=Query(source="type:agent", filters=[TargetIsUsableFilter()]))
    return case(config(2, agent=ticking(StatsMutation(stat="x", source=value))), ROOM, env_steps=2)


@world
def negated_blocker() -> Case:
    """Ray blockers accept only resource, vibe and tag filters."""
    ray = RaycastSpawnMutation(
        object_type="wall", blocker=[NotFilter(inner=ResourceFilter(target="target", resources={"ore": 1}))]
    )
    return case(config(2, agent=ticking(ray)), ROOM, env_steps=2)


@world
def unknown_blocker() -> Case:
    """A blocker that would be dropped is refused."""
    ray = RaycastSpawnMutation(object_type="wall", blocker=[ResourceFilter(target="target", resources={"silk": 1})])
    return case(config(2, agent=ticking(ray)), ROOM, env_steps=2)


@world
def too_many_stats() -> Case:
    """The 1025th statistic of an agent is refused in the middle of a step."""
    names = [StatsMutation(stat=f"s{i}", target="agent", entity="actor", source=const(1)) for i in range(1030)]
    return case(config(2, agent=ticking(*names)), ROOM, env_steps=3)


@world
def too_many_game_stats() -> Case:
    """The 1025th statistic of the game is refused too, when it is only read."""
    objects = {"m": machine("m")}
    names = [StatsMutation(stat="sum", source=StatValue(name=f"s{i}", scope="game")) for i in range(1030)]
    return case(config(2, agent=ticking(*names), objects=objects), ROOM, env_steps=3)


@world
def amount_out_of_range() -> Case:
    """An initial amount beyond 16 bits on an object, and a negative one on an agent."""
    return case(config(2, agent=AgentConfig(inventory=InventoryConfig(initial={"ore": -1}))), ROOM, env_steps=2)


@world
def plain_string_for_an_enumeration() -> Case:
    """A target that was assigned as a string, even where the mutation is never used."""
    tag = AddTagMutation(tag="x").model_copy(update={"target": "actor"})
    handlers = [Handler(name="same", mutations=[tag]), Handler(name="same")]
    return case(config(2, tags=["x"], actions=moving(*handlers)), ROOM, env_steps=2)


@world
def seed_out_of_range() -> Case:
    """A negative seed."""
    return dataclasses.replace(case(config(2), ROOM, env_steps=2), seed=-1)

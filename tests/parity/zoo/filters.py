"""Filters: each kind on each entity, with none entities, negated, in alternatives, and those dropped on conversion."""

from mettagrid.config.action_config import ActionsConfig, ChangeVibeActionConfig, MoveActionConfig
from mettagrid.config.filter import (
    GameValueFilter,
    HandlerTarget,
    MaxDistanceFilter,
    NotFilter,
    OrFilter,
    PeriodicFilter,
    ResourceFilter,
    SharedTagPrefixFilter,
    TagFilter,
    TagPrefixFilter,
    TargetIsUsableFilter,
    TargetLocEmptyFilter,
    VibeFilter,
    query,
)
from mettagrid.config.game_value import InventoryValue, QueryCountValue, StatValue
from mettagrid.config.handler_config import AllOf, Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import RelocateMutation, updateActor, updateTarget
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, log, machine, ring, world

ACTOR, TARGET = HandlerTarget.ACTOR, HandlerTarget.TARGET
TEAMS = [AgentConfig(team_id=i % 2, tags=[f"team:{i % 2}"], inventory={"initial": {"ore": 2}}) for i in range(2)]


@world
def vibe() -> Case:
    """Vibe of actor and target; an unknown vibe makes the filter vanish."""
    objects = {
        "actor": machine("actor", VibeFilter(target=ACTOR, vibe=VIBES[1].name)),
        "target": machine("target", VibeFilter(target=TARGET, vibe=VIBES[3].name), vibe=3),
        "other": machine("other", VibeFilter(target=TARGET, vibe=VIBES[3].name), vibe=2),
        "unknown": machine("unknown", VibeFilter(target=ACTOR, vibe="no such vibe")),
    }
    return case(config(2, objects=objects), ring(objects)[0], env_steps=120)


@world
def resource() -> Case:
    """Amounts of actor and target, several resources ANDed, unknown names dropped, zero minimum."""
    give = [updateActor({"ore": 1}), updateTarget({"gold": 1})]
    objects = {
        "actor": machine("actor", ResourceFilter(target=ACTOR, resources={"ore": 3}), mutations=give),
        "target": machine("target", ResourceFilter(target=TARGET, resources={"gold": 2}), mutations=give),
        "both": machine("both", ResourceFilter(target=ACTOR, resources={"ore": 2, "gold": 1}), mutations=give),
        "partly": machine("partly", ResourceFilter(target=ACTOR, resources={"ore": 4, "silk": 1}), mutations=give),
        "unknown": machine("unknown", ResourceFilter(target=ACTOR, resources={"silk": 1}), mutations=give),
        "empty": machine("empty", ResourceFilter(target=ACTOR), mutations=[updateTarget({"gold": 1})]),
        "zero": machine("zero", ResourceFilter(target=ACTOR, resources={"heart": 0}), mutations=give),
    }
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 1, "gold": 1}))
    return case(config(2, agent=agent, objects=objects), ring(objects)[0], env_steps=160)


@world
def tags() -> Case:
    """Tags and tag prefixes of actor and target, prefixes matched raw, shared prefixes, unknown tags dropped."""
    objects = {
        "actor": machine("actor", TagFilter(target=ACTOR, tag="team:0")),
        "target": machine("target", TagFilter(target=TARGET, tag="rare"), tags=["rare"]),
        "prefix": machine("prefix", TagPrefixFilter(target=TARGET, tag_prefix="ra"), tags=["raw"]),
        "actors": machine("actors", TagPrefixFilter(target=ACTOR, tag_prefix="team:1")),
        "shared": machine("shared", SharedTagPrefixFilter(tag_prefix="team:"), tags=["team:1"]),
        "t": machine("t", SharedTagPrefixFilter(tag_prefix="t"), tags=["teammate"]),
        "unknown": machine("unknown", TagFilter(target=ACTOR, tag="no such tag")),
    }
    return case(config(2, agents=TEAMS, objects=objects), ring(objects)[0], env_steps=140)


@world
def game_value() -> Case:
    """Values against constant and dynamic thresholds, for actor and target; the value is resolved even if it fails."""
    ore = InventoryValue(item="ore")
    objects = {
        "least": machine(
            "least", GameValueFilter(target=ACTOR, value=ore, min=3), mutations=[updateActor({"ore": -1})]
        ),
        "more": machine(
            "more", GameValueFilter(target=TARGET, value=ore, min=2), mutations=[updateTarget({"ore": -2})]
        ),
        "dynamic": machine(
            "dynamic",
            GameValueFilter(target=ACTOR, value=ore, min=InventoryValue(item="gold")),
            mutations=[updateActor({"gold": 1})],
        ),
        "stat": machine("stat", GameValueFilter(target=ACTOR, value=StatValue(name="fresh"), min=const(0.5))),
        "count": machine(
            "count", GameValueFilter(target=ACTOR, value=QueryCountValue(query=query("type:agent")), min=2)
        ),
        "default": machine("default", GameValueFilter(target=TARGET, value=ore), mutations=[updateActor({"ore": 1})]),
        "fill": machine("fill", mutations=[updateActor({"ore": 2})], inventory={"initial": {"ore": 5}}),
    }
    return case(config(2, objects=objects), ring(objects)[0], env_steps=160)


@world
def max_distance() -> Case:
    """Euclidean distance: binary with actor and target, radius 0, and to the results of a query."""
    near = MaxDistanceFilter(query=query("beacon"), radius=3)
    tick = AllOf(
        handlers=[
            Handler(filters=[near], mutations=[log("near.beacon")]),
            Handler(filters=[MaxDistanceFilter(query=query("beacon"))], mutations=[log("beside.beacon")]),
            Handler(
                filters=[MaxDistanceFilter(target=ACTOR, query=query("type:agent"), radius=0)], mutations=[log("any")]
            ),
            Handler(filters=[MaxDistanceFilter(query=query("nothing"), radius=0)], mutations=[log("never")]),
            Handler(filters=[MaxDistanceFilter(radius=0)], mutations=[log("self")]),
        ]
    )
    actions = ActionsConfig(
        move=MoveActionConfig(
            allowed_directions=["north", "south", "west", "east", "northeast", "southwest"],
            handlers=[
                Handler(
                    name="one",
                    filters=[MaxDistanceFilter(radius=1)],
                    mutations=[log("adjacent"), updateTarget({"ore": 1})],
                ),
                Handler(
                    name="none", filters=[TargetLocEmptyFilter(), MaxDistanceFilter(radius=0)], mutations=[log("x")]
                ),
            ],
        ),
        change_vibe=ChangeVibeActionConfig(vibes=list(VIBES[:2])),
    )
    objects = {"post": machine("post", tags=["beacon"])}
    cfg = config(3, objects=objects, agent=AgentConfig(on_tick=tick), actions=actions, tags=["nothing"])
    return case(cfg, ["@......", ".p..@..", ".....p.", "..@...."], {"p": "post"}, env_steps=80)


@world
def negation_and_alternatives() -> Case:
    """not and or: nested, with several resources, with dropped filters inside (never passes)."""
    has = lambda **r: ResourceFilter(target=ACTOR, resources=r)  # noqa: E731
    give = [updateActor({"ore": 1})]
    unknown = TagFilter(target=ACTOR, tag="no such tag")
    objects = {
        "not": machine("not", NotFilter(inner=has(ore=3)), mutations=give),
        "notboth": machine("notboth", NotFilter(inner=has(ore=3, gold=2)), mutations=give),
        "notnot": machine("notnot", NotFilter(inner=NotFilter(inner=has(ore=2)))),
        "notdropped": machine("notdropped", NotFilter(inner=unknown)),
        "or": machine("or", OrFilter(inner=[has(gold=1), has(ore=4)]), mutations=[updateActor({"ore": -4})]),
        "orboth": machine("orboth", OrFilter(inner=[has(ore=2, gold=1), has(heart=1)]), mutations=give),
        "ordropped": machine("ordropped", OrFilter(inner=[unknown])),
        "orempty": machine("orempty", OrFilter(inner=[])),
        "mixed": machine(
            "mixed",
            OrFilter(inner=[NotFilter(inner=has(ore=1)), OrFilter(inner=[unknown, PeriodicFilter(period=3)])]),
            mutations=[updateActor({"gold": 1})],
        ),
    }
    return case(config(2, objects=objects), ring(objects)[0], env_steps=200)


@world
def periodic() -> Case:
    """Every period steps from start_on, which defaults to the period."""
    tick = AllOf(
        handlers=[
            Handler(filters=[PeriodicFilter(period=3)], mutations=[log("three"), updateActor({"ore": 1})]),
            Handler(filters=[PeriodicFilter(period=4, start_on=1)], mutations=[log("four"), updateActor({"gold": 1})]),
            Handler(filters=[PeriodicFilter(period=5, start_on=0)], mutations=[log("five")]),
            Handler(filters=[PeriodicFilter(period=1, start_on=17)], mutations=[log("late")]),
        ]
    )
    return case(config(1, agent=AgentConfig(on_tick=tick)), ["@.."], env_steps=40)


@world
def target_cell() -> Case:
    """Whether the target cell is empty and whether its object is usable, in move handlers."""
    actions = ActionsConfig(
        move=MoveActionConfig(
            handlers=[
                Handler(name="step", filters=[TargetLocEmptyFilter()], mutations=[log("stepped"), RelocateMutation()]),
                Handler(name="use", filters=[TargetIsUsableFilter()], mutations=[log("bumped")]),
            ]
        ),
        change_vibe=ChangeVibeActionConfig(vibes=list(VIBES[:2])),
    )
    objects = {"box": machine("box")}
    return case(config(2, actions=actions, objects=objects), ["@..#", "b.@."], {"b": "box"}, env_steps=50)


@world
def without_entities() -> Case:
    """At game level actor and target are none: which filters pass, and what values read."""
    every = [
        VibeFilter(target=ACTOR, vibe=VIBES[0].name),
        ResourceFilter(target=TARGET, resources={"ore": 0}),
        TagFilter(target=TARGET, tag="rare"),
        SharedTagPrefixFilter(tag_prefix="rare"),
        GameValueFilter(target=ACTOR, value=InventoryValue(item="ore")),
        GameValueFilter(target=TARGET, value=InventoryValue(item="ore", scope="game"), min=1),
        MaxDistanceFilter(radius=0),
        MaxDistanceFilter(query=query("rare"), radius=0),
        TargetLocEmptyFilter(),
        TargetIsUsableFilter(),
        PeriodicFilter(period=2),
        NotFilter(inner=TagFilter(target=ACTOR, tag="rare")),
    ]
    handlers = [Handler(filters=[f], mutations=[log(f"none.{i}")]) for i, f in enumerate(every)]
    return case(config(1, tags=["rare"], on_tick=AllOf(handlers=handlers)), ["@.."], env_steps=20)

"""Areas of effect: static and mobile, presence deltas, filters, summing of deltas, sources that move or vanish."""

from mettagrid.config.action_config import ActionsConfig
from mettagrid.config.filter import (
    PeriodicFilter,
    SharedTagPrefixFilter,
    actorHas,
    actorVibe,
    isA,
    isNot,
    targetHas,
    targetVibe,
)
from mettagrid.config.handler_config import AOEConfig, Handler
from mettagrid.config.mettagrid_config import AgentConfig, GridObjectConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    ChangeVibeMutation,
    EntityTarget,
    PushObjectMutation,
    RelocateMutation,
    RemoveTagMutation,
    ResourceTransferMutation,
    updateActor,
    updateTarget,
)
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, log, machine, vibing, world
from tests.parity.zoo.handlers import moving

ROOM = ["........", ".s......", "...@..s.", "....@...", "..s....."]


def source(name: str = "source", **fields: object) -> GridObjectConfig:
    return GridObjectConfig(name=name, **fields)


@world
def static() -> Case:
    """Euclidean reach of radius 0 to 3, effects each step, filters on source and target."""
    aoes = {
        "zero": AOEConfig(radius=0, mutations=[updateTarget({"gear": 1})]),
        "default": AOEConfig(mutations=[updateTarget({"ore": 1})]),
        "two": AOEConfig(radius=2, filters=[isNot(targetHas({"gold": 5}))], mutations=[updateTarget({"gold": 1})]),
        "three": AOEConfig(
            radius=3,
            filters=[targetVibe(VIBES[1].name), actorHas({"heart": 1})],
            mutations=[updateActor({"heart": -1}), updateTarget({"heart": 1}), log("warmed")],
        ),
    }
    objects = {"source": source(aoes=aoes, inventory={"initial": {"heart": 4}})}
    return case(config(2, objects=objects), ROOM, {"s": "source"}, env_steps=100)


@world
def summed() -> Case:
    """Resource deltas of all static areas are summed per resource and applied once, clamped by the limit."""
    limits = {"bag": {"base": 10, "max": 50, "resources": ["ore"], "modifiers": {"gear": 20}}}
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 9, "gear": 1}, limits=limits))
    objects = {
        "source": source(
            aoes={
                "up": AOEConfig(radius=3, mutations=[updateTarget({"ore": 7, "gold": 2})]),
                "down": AOEConfig(radius=4, mutations=[updateTarget({"ore": -6, "gear": -1})]),
                "later": AOEConfig(
                    radius=4,
                    filters=[targetHas({"gold": 3})],
                    mutations=[updateTarget({"gold": -3}), ChangeVibeMutation(vibe_name=VIBES[1].name)],
                ),
            }
        ),
    }
    return case(config(2, agent=agent, objects=objects), ROOM, {"s": "source"}, env_steps=80)


@world
def presence() -> Case:
    """Presence deltas on entering and leaving, by moving and by filters; the exit takes the full delta."""
    aoes = {
        "ore": AOEConfig(radius=2, presence_deltas={"ore": 3, "gear": 1}),
        "gold": AOEConfig(
            radius=2,
            filters=[isNot(targetVibe(VIBES[1].name))],
            presence_deltas={"gold": 5},
            mutations=[updateTarget({"heart": 1})],
        ),
    }
    limits = {"g": {"base": 7, "resources": ["gold"]}}
    agent = AgentConfig(inventory=InventoryConfig(initial={"gold": 4}, limits=limits))
    return case(config(2, agent=agent, objects={"source": source(aoes=aoes)}), ROOM, {"s": "source"}, env_steps=120)


@world
def mobile() -> Case:
    """Mobile areas follow their source; agents as sources, with and without an effect on themselves."""
    aoes = {
        "aura": AOEConfig(radius=2, is_static=False, mutations=[updateTarget({"ore": 1})]),
        "self": AOEConfig(
            radius=1,
            is_static=False,
            effect_self=True,
            filters=[actorVibe(VIBES[1].name)],
            mutations=[updateTarget({"gold": 1}), updateActor({"heart": 1})],
        ),
        "presence": AOEConfig(radius=2, is_static=False, presence_deltas={"gear": 1}),
        "fixed": AOEConfig(radius=1, effect_self=True, mutations=[log("left behind")]),
    }
    return case(config(3, agent=AgentConfig(aoes=aoes)), ["......", ".@..@.", "......", "..@..."], env_steps=100)


@world
def pushed_sources() -> Case:
    """A static area stays where it was registered, a mobile one moves with its pushed source."""
    actions: ActionsConfig = moving(
        Handler(name="push", filters=[isA("source")], mutations=[PushObjectMutation(), RelocateMutation()])
    )
    aoes = {
        "static": AOEConfig(radius=1, mutations=[updateTarget({"ore": 1})]),
        "mobile": AOEConfig(radius=1, is_static=False, mutations=[updateTarget({"gold": 1})]),
    }
    return case(config(2, actions=actions, objects={"source": source(aoes=aoes)}), ROOM, {"s": "source"}, env_steps=120)


@world
def vanishing_source() -> Case:
    """Unregistering a removed source takes presence deltas back from those inside."""
    take = ResourceTransferMutation(
        from_target=EntityTarget.TARGET,
        to_target=EntityTarget.ACTOR,
        resources={"ore": 1},
        remove_source_when_empty=True,
    )
    aoes = {
        "static": AOEConfig(radius=2, presence_deltas={"gold": 2}),
        "mobile": AOEConfig(radius=2, is_static=False, presence_deltas={"heart": 3}),
    }
    objects = {"source": machine("source", mutations=[take], inventory={"initial": {"ore": 2}}, aoes=aoes)}
    return case(config(2, objects=objects), ROOM, {"s": "source"}, env_steps=120)


@world
def tags_from_areas() -> Case:
    """Areas that tag and untag; a tag-removal handler triggered there inherits the deferred deltas."""
    aoes = {
        "mark": AOEConfig(radius=1, mutations=[AddTagMutation(tag="wet")]),
        "dry": AOEConfig(
            radius=2,
            filters=[PeriodicFilter(period=3)],
            mutations=[
                RemoveTagMutation(tag="wet"),
                RemoveTagMutation(tag="damp", target=EntityTarget.ACTOR),
                AddTagMutation(tag="damp", target=EntityTarget.ACTOR),
            ],
        ),
        "friends": AOEConfig(
            radius=3, filters=[SharedTagPrefixFilter(tag_prefix="team:")], mutations=[updateTarget({"ore": 1})]
        ),
    }
    dried = Handler(mutations=[updateTarget({"gold": 1}), updateActor({"heart": 1}), log("dried")])
    agents = [AgentConfig(team_id=i, tags=[f"team:{i}"], on_tag_remove={"wet": dried}) for i in range(2)]
    objects = {"source": source(aoes=aoes, tags=["team:1", "damp"], on_tag_remove={"damp": dried})}
    rows = [
        [{"s": "source", ".": "."}.get(c, f"agent.{'red' if i == 2 else 'blue'}") for c in row]
        for i, row in enumerate(ROOM)
    ]
    return case(config(2, agents=agents, objects=objects, actions=vibing(2), tags=["wet"]), rows, env_steps=80)

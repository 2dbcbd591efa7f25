"""Inventories: limits, modifiers, defaults, hash order of many resources, set_inventory."""

from mettagrid.config.filter import actorHas
from mettagrid.config.mettagrid_config import (
    AgentConfig,
    GridObjectConfig,
    InventoryConfig,
    ResourceLimitsConfig,
    WallConfig,
)
from mettagrid.config.mutation import (
    ClearInventoryMutation,
    EntityTarget,
    ResourceTransferMutation,
    updateActor,
    updateTarget,
)

from tests.parity.case import Case, InventoryEdit
from tests.parity.zoo.base import case, config, machine, observing, ring, world

Limits = ResourceLimitsConfig


def traders(*deltas: dict[str, int]) -> dict[str, GridObjectConfig]:
    return {f"t{i}": machine(f"t{i}", mutations=[updateActor(delta)]) for i, delta in enumerate(deltas)}


@world
def shared_limits() -> Case:
    """One limit over several resources, base and max, a maximum below the base, a resource in two limits."""
    limits = {
        "bag": Limits(base=7, resources=["ore", "gold"]),
        "low": Limits(base=9, max=4, resources=["heart"]),
        "again": Limits(base=5, resources=["gear", "gold"]),
    }
    agent = AgentConfig(inventory=InventoryConfig(limits=limits, initial={"ore": 2}))
    objects = traders({"ore": 3}, {"gold": 2}, {"heart": 5, "ore": -1}, {"gear": 4, "gold": -1})
    return case(config(2, agent=agent, objects=objects), ring(objects)[0], env_steps=120)


@world
def modifiers() -> Case:
    """Limits raised by held items; losing a modifier drops what no longer fits; chains of modifiers."""
    limits = {
        "cargo": Limits(base=2, max=40, resources=["ore", "gold"], modifiers={"gear": 10, "unknown": 3}),
        "worn": Limits(base=1, resources=["gear"], modifiers={"heart": 2}),
    }
    agent = AgentConfig(inventory=InventoryConfig(limits=limits, initial={"gear": 1}))
    objects = traders({"ore": 5}, {"gold": 4}, {"gear": 1}, {"gear": -1}, {"heart": 1}, {"heart": -1})
    return case(config(2, agent=agent, objects=objects), ring(objects)[0], env_steps=200)


@world
def over_the_limit() -> Case:
    """Initial amounts ignore limits; any update then clamps down to the limit."""
    limits = {"bag": Limits(base=50, resources=["ore"])}
    agents = [
        AgentConfig(inventory=InventoryConfig(limits=limits, initial={"ore": 100 + i, "gold": 65535})) for i in range(2)
    ]
    store = InventoryConfig(initial={"ore": 90}, limits=limits)
    objects = {
        **traders({"ore": 1}, {"ore": -1}),
        "store": machine("store", mutations=[updateTarget({"ore": 1})], inventory=store),
    }
    return case(config(2, agents=agents, objects=objects), ring(objects)[0], env_steps=60)


@world
def default_limits() -> Case:
    """Agent 0's default limit holds for all agents; an object's only for resources it starts with."""
    agents = [AgentConfig(inventory=InventoryConfig(default_limit=5 + 10 * i, initial={"ore": 2})) for i in range(2)]
    give = ResourceTransferMutation(
        from_target=EntityTarget.ACTOR, to_target=EntityTarget.TARGET, resources={"ore": 2, "gold": 2}
    )
    objects = {
        **traders({"ore": 4, "gold": 3}),
        "crate": machine("crate", mutations=[give], inventory=InventoryConfig(default_limit=3, initial={"ore": 1})),
        "open": machine("open", mutations=[give], inventory=InventoryConfig(default_limit=3)),
    }
    return case(config(2, agents=agents, objects=objects), ring(objects)[0], env_steps=120)


@world
def objects_and_walls() -> Case:
    """Unknown names are dropped in objects; walls start empty whatever they say, but can be filled."""
    inventory = InventoryConfig(
        initial={"ore": 2, "silk": 4, "gold": 0},
        limits={
            "none": Limits(base=1, resources=["silk"]),
            "some": Limits(base=3, resources=["silk", "ore"], modifiers={"silk": 1}),
        },
    )
    objects = {
        "chest": machine("chest", mutations=[updateTarget({"ore": 1, "gold": 1})], inventory=inventory),
        "wall": WallConfig(
            inventory=inventory,
            on_use_handler=machine("w", mutations=[updateTarget({"ore": 9})]).on_use_handler,
            vibe=1,
        ),
    }
    return case(config(2, objects=objects), ["####", "#@c#", "#c@#", "####"], {"c": "chest"}, env_steps=60)


@world
def hash_order() -> Case:
    """Forty resources: the order of inventory tokens is that of a hash map that grows and rehashes."""
    resources = [f"r{i}" for i in range(40)]
    initial = {f"r{(i * 7) % 40}": 1 + i for i in range(12)}
    objects = {
        "grow": machine("grow", mutations=[updateActor({f"r{(i * 11) % 40}": 2 for i in range(9)})]),
        "more": machine("more", mutations=[updateActor({f"r{(i * 13 + 5) % 40}": 1 for i in range(30)})]),
        "shrink": machine("shrink", mutations=[updateActor({f"r{i}": -3 for i in range(0, 40, 3)})]),
        "clear": machine(
            "clear",
            actorHas({"r7": 1}),
            mutations=[ClearInventoryMutation(target=EntityTarget.ACTOR, limit_name="all")],
        ),
    }
    limits = {"all": Limits(base=500, resources=[f"r{i}" for i in range(39, -1, -2)])}
    agent = AgentConfig(inventory=InventoryConfig(initial=initial, limits=limits))
    cfg = config(2, resource_names=resources, agent=agent, objects=objects, obs=observing(5, 5, 400))
    return case(cfg, ring(objects)[0], env_steps=120)


@world
def fourteenth_resource() -> Case:
    """Touching an absent fourteenth item rehashes although nothing is stored."""
    resources = [f"r{i}" for i in range(20)]
    agent = AgentConfig(inventory=InventoryConfig(initial={f"r{i}": 1 for i in range(13)}))
    objects = {
        "touch": machine("touch", mutations=[updateActor({"r19": -1})]),
        "drop": machine("drop", mutations=[updateActor({"r3": -1})]),
    }
    cfg = config(2, resource_names=resources, agent=agent, objects=objects)
    return case(cfg, ring(objects)[0], env_steps=40)


@world
def set_by_host() -> Case:
    """set_inventory clears and sets within limits, in hash order, and counts in the stats."""
    limits = {
        "bag": Limits(base=10, resources=["ore", "gold"]),
        "worn": Limits(base=1, resources=["gear"], modifiers={"heart": 3}),
    }
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 3, "heart": 1}, limits=limits))
    edits = [
        InventoryEdit(0, 0, {0: 4, 1: 2}),
        InventoryEdit(3, 1, {1: 30, 3: 2, 2: 1}),
        InventoryEdit(5, 0, {}),
        InventoryEdit(7, 0, {3: 9, 0: 70000 % 65536, 1: 0}),
    ]
    return case(config(2, agent=agent, objects=traders({"ore": 1})), ["@..@"], env_steps=12, inventory_edits=edits)

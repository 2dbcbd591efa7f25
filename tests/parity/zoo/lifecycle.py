"""Tags and their removal handlers."""

from mettagrid.config.filter import actorHasTag, hasTag, query, targetHas
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig, WallConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    EntityTarget,
    QueryInventoryMutation,
    RemoveTagMutation,
    RemoveTagsWithPrefixMutation,
    SpawnObjectMutation,
    updateActor,
    updateTarget,
)

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, log, machine, ring, world


@world
def removal_handlers() -> Case:
    """Handlers by prefix, two prefixes on one tag, filters, failing ones; actor and target are the object."""
    lost = {
        "mark:": Handler(mutations=[updateTarget({"gold": 1}), log("any")]),
        "mark:a": Handler(filters=[targetHas({"gold": 2})], mutations=[updateActor({"ore": 1}), log("a")]),
        "ma": Handler(mutations=[SpawnObjectMutation(object_type="nobody"), log("never")]),
    }
    objects = {
        "tag": machine(
            "tag",
            mutations=[AddTagMutation(tag="mark:a"), AddTagMutation(tag="mark:b", target=EntityTarget.ACTOR)],
            tags=["mark:b"],
            on_tag_remove=lost,
        ),
        "strip": machine(
            "strip",
            mutations=[
                RemoveTagMutation(tag="mark:b"),
                RemoveTagsWithPrefixMutation(prefix="mark", target=EntityTarget.ACTOR),
                AddTagMutation(tag="mark:b"),
            ],
            tags=["mark:a", "mark:b"],
            on_tag_remove=lost,
        ),
        "loop": machine("loop", mutations=[QueryInventoryMutation(query=query("mark:b"), deltas={"ore": 1})]),
    }
    cfg = config(2, agent=AgentConfig(on_tag_remove=lost, tags=["mark:a"]), objects=objects)
    return case(cfg, ring(objects)[0], env_steps=100)


@world
def nested_removal() -> Case:
    """A removal handler that removes another tag runs that tag's handlers inside itself."""
    chain = {
        "one": Handler(mutations=[log("one"), RemoveTagMutation(tag="two"), log("one.after")]),
        "two": Handler(mutations=[log("two"), AddTagMutation(tag="three")]),
        "three": Handler(mutations=[log("three"), AddTagMutation(tag="one"), AddTagMutation(tag="two")]),
    }
    objects = {
        "pull": machine("pull", mutations=[RemoveTagMutation(tag="one")], tags=["one", "two"], on_tag_remove=chain),
        "reset": machine(
            "reset", hasTag("three"), mutations=[RemoveTagMutation(tag="three")], tags=["three"], on_tag_remove=chain
        ),
        "wallish": WallConfig(
            name="wallish",
            tags=["one"],
            on_tag_remove={"one": chain["two"]},
            on_use_handler=Handler(mutations=[RemoveTagMutation(tag="one")]),
        ),
    }
    return case(config(2, objects=objects), ring(objects)[0], env_steps=60)


@world
def many_tags() -> Case:
    """Game tags, type tags and object tags in one sorted numbering; several tags on one cell."""
    objects = {
        "a": machine("a", tags=["zz", "Aa", "a:1", "a:10", "a:2"]),
        "b": machine(
            "b",
            actorHasTag("type:agent"),
            tags=["zz", "_"],
            map_name="bee",
            mutations=[RemoveTagMutation(tag="zz", target=EntityTarget.TARGET)],
        ),
        "same": machine("a", tags=["other"], map_name="sea"),
    }
    agent = AgentConfig(name="walker", tags=["zz"], inventory=InventoryConfig(initial={"ore": 1}))
    cfg = config(2, agent=agent, objects=objects, tags=["game", "Zebra", "zz"])
    return case(cfg, ring(objects)[0], env_steps=60)

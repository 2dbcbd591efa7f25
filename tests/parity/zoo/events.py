"""Events: schedule, targets, filters, limits, priorities, fallbacks."""

from mettagrid.config.event_config import EventConfig
from mettagrid.config.filter import (
    GameValueFilter,
    HandlerTarget,
    PeriodicFilter,
    hasTag,
    isNot,
    maxDistance,
    targetHas,
)
from mettagrid.config.game_value import InventoryValue, StatValue
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    ChangeVibeMutation,
    ClearInventoryMutation,
    EntityTarget,
    QueryInventoryMutation,
    QueryPlaceAdjacentMutation,
    RaycastSpawnMutation,
    RecomputeMaterializedQueryMutation,
    RelocateMutation,
    RemoveTagMutation,
    RemoveTagsWithPrefixMutation,
    ResourceTransferMutation,
    SetGameValueMutation,
    SetRelativeTargetMutation,
    SpawnObjectMutation,
    StatsMutation,
    updateTarget,
)
from mettagrid.config.query import ClosureQuery, MaterializedQuery, Query
from mettagrid.config.raycast_query import RaycastQuery
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, log, machine, world

ROWS = ["c....c", ".@.c..", "...@.c", "c....."]
LEGEND = {"c": "crop"}


def crops(**fields: object) -> dict[str, object]:
    return {"crop": machine("crop", tags=["crop"], inventory=InventoryConfig(initial={"ore": 1}), **fields)}


def every(period: int, start: int = 1, end: int = 60) -> list[int]:
    return list(range(start, end, period))


def tell(value: float) -> list[object]:
    """Write the running total down, then add `value`: the order of events shows."""
    total = StatValue(name="chain", scope="game")
    return [StatsMutation(stat="last", source=total), SetGameValueMutation(value=total, delta=value)]


@world
def schedule() -> Case:
    """Times in any order, repeated, zero and negative; priorities, then the names of the dict in byte order."""
    times = [7, 3, 3, 0, -4, 12]
    events = {
        "zeta": EventConfig(name="alpha", target_query="type:agent", timesteps=times, mutations=tell(1)),
        "Beta": EventConfig(target_query="type:agent", timesteps=times, mutations=tell(10)),
        "éa": EventConfig(target_query="type:agent", timesteps=times, priority=0, mutations=tell(100)),
        "late": EventConfig(target_query="type:agent", timesteps=[3, 12], priority=5, mutations=tell(1000)),
        "early": EventConfig(target_query="type:agent", timesteps=[3, 7], priority=-5, mutations=tell(10000)),
    }
    return case(config(2, events=events, objects=crops()), ROWS, LEGEND, env_steps=20)


@world
def targets() -> Case:
    """Target queries of every kind, filters on targets, the target list fixed before any mutation."""
    give = [updateTarget({"gold": 1})]
    events = {
        "tag": EventConfig(target_query="crop", timesteps=every(3), mutations=give),
        "query": EventConfig(
            target_query=Query(source="crop", filters=[targetHas({"gold": 2})], max_items=2),
            timesteps=every(4),
            mutations=[updateTarget({"gold": -1, "heart": 1})],
        ),
        "closure": EventConfig(
            target_query=ClosureQuery(source="type:agent", candidates="crop", edge_filters=[maxDistance(2)]),
            timesteps=every(5),
            mutations=[log("net"), updateTarget({"gear": 1})],
        ),
        "rays": EventConfig(
            target_query=RaycastQuery(source="type:agent", max_range=3),
            timesteps=every(2),
            mutations=[updateTarget({"ore": 1})],
        ),
        "filtered": EventConfig(
            target_query="crop",
            timesteps=every(2),
            filters=[isNot(targetHas({"gold": 3})), PeriodicFilter(period=4)],
            mutations=[log("filtered")],
        ),
        "value": EventConfig(
            target_query="crop",
            timesteps=every(3),
            filters=[GameValueFilter(target=HandlerTarget.TARGET, value=InventoryValue(item="ore"), min=4)],
            mutations=[updateTarget({"ore": -4})],
        ),
    }
    return case(config(2, events=events, objects=crops()), ROWS, LEGEND, env_steps=40)


@world
def limited_targets() -> Case:
    """max_targets shuffles when there are more targets; filtered-out targets do not count; no draw otherwise."""
    events = {
        "one": EventConfig(
            target_query="crop", timesteps=every(1), max_targets=1, mutations=[updateTarget({"gold": 1})]
        ),
        "three": EventConfig(
            target_query="crop",
            timesteps=every(2),
            max_targets=3,
            filters=[targetHas({"gold": 2})],
            mutations=[updateTarget({"heart": 1})],
        ),
        "many": EventConfig(
            target_query="crop", timesteps=every(3), max_targets=50, mutations=[updateTarget({"ore": 1})]
        ),
    }
    return case(config(2, events=events, objects=crops()), ROWS, LEGEND, env_steps=40, seed=6)


@world
def fallbacks() -> Case:
    """A fallback runs when nothing was applied, with its own targets and fallback; unknown ones do nothing."""
    never = [targetHas({"gold": 60000})]
    events = {
        "first": EventConfig(target_query="crop", timesteps=every(2), filters=never, fallback="second"),
        "second": EventConfig(
            target_query="type:agent",
            filters=[targetHas({"gold": 5})],
            mutations=[updateTarget({"gold": -5})],
            fallback="third",
        ),
        "third": EventConfig(
            name="other", target_query="type:agent", mutations=[updateTarget({"gold": 1})], max_targets=1
        ),
        "lost": EventConfig(target_query="crop", timesteps=every(3), filters=never, fallback="nowhere"),
        "named": EventConfig(target_query="crop", timesteps=every(3), filters=never, fallback="other"),
        "fine": EventConfig(target_query="crop", timesteps=every(3), mutations=[log("fine")], fallback="third"),
    }
    return case(config(2, events=events, objects=crops()), ROWS, LEGEND, env_steps=40)


@world
def every_mutation() -> Case:
    """The mutations an event can carry; a failed one does not stop the rest."""
    actor, target = EntityTarget.ACTOR, EntityTarget.TARGET
    near = MaterializedQuery(tag="near", query=Query(source="crop", max_items=2))
    do = {
        "delta": [updateTarget({"gold": 2, "ore": -1})],
        "transfer": [ResourceTransferMutation(from_target=target, to_target=actor, resources={"gold": 1})],
        "drain": [
            ResourceTransferMutation(
                from_target=target, to_target=actor, resources={"gear": 1}, remove_source_when_empty=True
            )
        ],
        "clear": [ClearInventoryMutation(target=target, limit_name="bag")],
        "tags": [
            AddTagMutation(tag="mark:a"),
            AddTagMutation(tag="mark:b", target=actor),
            RemoveTagMutation(tag="mark:a"),
        ],
        "prefix": [RemoveTagsWithPrefixMutation(prefix="mark")],
        "vibe": [ChangeVibeMutation(vibe_name=VIBES[2].name)],
        "value": [SetGameValueMutation(value=InventoryValue(item="heart"), delta=1), log("value")],
        "recompute": [RecomputeMaterializedQueryMutation(tag_prefix="near")],
        "inventory": [QueryInventoryMutation(query=Query(source="near"), deltas={"ore": 1}, source=target)],
        "walk": [SetRelativeTargetMutation(direction="southeast"), RelocateMutation()],
        "place": [QueryPlaceAdjacentMutation(query=Query(source="crop"))],
        "spawn": [
            SetRelativeTargetMutation(direction="north", distance=2),
            SpawnObjectMutation(object_type="crop"),
            log("spawned"),
        ],
        "onto": [SpawnObjectMutation(object_type="crop"), log("failed but went on")],
        "rays": [RaycastSpawnMutation(object_type="weed", max_range=1)],
    }
    agent = AgentConfig(
        inventory=InventoryConfig(
            initial={"gold": 3, "ore": 3}, limits={"bag": {"base": 9, "resources": ["ore", "gold"]}}
        )
    )
    events = {
        name: EventConfig(
            target_query="type:agent" if name != "drain" else "crop", timesteps=every(5, 1 + i % 5), mutations=m
        )
        for i, (name, m) in enumerate(do.items())
    }
    cfg = config(
        2,
        events=events,
        agent=agent,
        objects={**crops(), "weed": machine("weed")},
        materialize_queries=[near],
        tags=["mark:a", "mark:b"],
    )
    return case(cfg, ["........", "..c.....", ".@....c.", "....@...", "...c...."], LEGEND, env_steps=60)


@world
def removed_targets() -> Case:
    """Targets removed by an earlier target's mutations are still processed."""
    crop = machine("crop", tags=["crop"], inventory=InventoryConfig(initial={"ore": 1}))
    events = {
        "reap": EventConfig(
            target_query="crop",
            timesteps=every(4, 2),
            mutations=[
                QueryInventoryMutation(query=Query(source="crop", max_items=1), deltas={"ore": -1}),
                ResourceTransferMutation(
                    from_target=EntityTarget.TARGET,
                    to_target=EntityTarget.ACTOR,
                    resources={"gold": 1},
                    remove_source_when_empty=True,
                ),
                log("reaped"),
                AddTagMutation(tag="gone"),
            ],
            filters=[isNot(hasTag("gone"))],
        ),
        "count": EventConfig(
            target_query="type:agent",
            timesteps=every(1),
            mutations=[SetGameValueMutation(value=StatValue(name="n"), source=const(1))],
        ),
    }
    return case(config(2, events=events, objects={"crop": crop}, tags=["gone"]), ROWS, LEGEND, env_steps=24)

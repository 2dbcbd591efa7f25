"""Handlers: move chains, uses, composites, partial effects of failures."""

from mettagrid.config.action_config import ActionsConfig, ChangeVibeActionConfig, MoveActionConfig
from mettagrid.config.filter import (
    MaxDistanceFilter,
    TargetIsUsableFilter,
    TargetLocEmptyFilter,
    actorHas,
    actorVibe,
    isA,
    isNot,
    targetHas,
)
from mettagrid.config.handler_config import AllOf, FirstMatch, Handler
from mettagrid.config.mettagrid_config import AgentConfig, GridObjectConfig, InventoryConfig, WallConfig
from mettagrid.config.mutation import (
    ClearInventoryMutation,
    EntityTarget,
    PushObjectMutation,
    RelocateMutation,
    SpawnObjectMutation,
    SwapMutation,
    UseTargetMutation,
    updateActor,
    updateTarget,
)
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, log, machine, ring, world

RICH = AgentConfig(inventory=InventoryConfig(initial={"ore": 6, "gold": 3}))


def moving(*handlers: Handler, **fields: object) -> ActionsConfig:
    return ActionsConfig(
        move=MoveActionConfig(handlers=list(handlers), **fields),
        change_vibe=ChangeVibeActionConfig(vibes=list(VIBES[:4])),
    )


@world
def move_chain() -> Case:
    """Handlers before the two defaults; unnamed, named, and two of one name (first place, last content)."""
    actions = moving(
        Handler(filters=[actorVibe(VIBES[1].name), TargetLocEmptyFilter()], mutations=[log("glide")]),
        Handler(name="twin", filters=[isA("wall")], mutations=[log("twin.first")]),
        Handler(name="swap", filters=[isA("agent")], mutations=[SwapMutation(), log("swapped")]),
        Handler(name="twin", filters=[isA("crate")], mutations=[log("twin.last"), updateActor({"gold": 1})]),
        Handler(name="push", filters=[isA("crate")], mutations=[PushObjectMutation(), RelocateMutation()]),
    )
    crate = GridObjectConfig(name="crate")
    cfg = config(3, actions=actions, agent=RICH, objects={"crate": crate})
    return case(cfg, ["######", "#@.c.#", "#.c@.#", "#@..c#", "######"], {"c": "crate"}, env_steps=120)


@world
def move_ranges() -> Case:
    """A max-distance filter sets the reach of a move handler; the last one wins; an empty filter stops at 1."""
    reach = MaxDistanceFilter(radius=3)
    actions = moving(
        Handler(name="far", filters=[reach, isA("chest")], mutations=[log("far"), updateTarget({"gold": -1})]),
        Handler(name="last", filters=[MaxDistanceFilter(radius=4), MaxDistanceFilter(radius=2), isA("wall")]),
        Handler(name="empty", filters=[MaxDistanceFilter(radius=3), TargetLocEmptyFilter()], mutations=[log("never")]),
        Handler(
            name="actor",
            filters=[MaxDistanceFilter(target=EntityTarget.ACTOR.value, radius=0), TargetLocEmptyFilter()],
            mutations=[log("unlimited"), RelocateMutation()],
        ),
        allowed_directions=["north", "east", "south", "west", "northeast", "southwest"],
    )
    chest = GridObjectConfig(name="chest", inventory=InventoryConfig(initial={"gold": 60}))
    cfg = config(2, actions=actions, objects={"chest": chest})
    return case(cfg, ["#######", "#@...c#", "#.....#", "#c..@.#", "#..c..#", "#######"], {"c": "chest"}, env_steps=80)


@world
def failing_move_keeps_effects() -> Case:
    """A handler that fails half way keeps what it did, and the next handler is tried."""
    actions = moving(
        Handler(name="pay", filters=[isA("crate")], mutations=[updateActor({"gold": -1}), PushObjectMutation()]),
        Handler(name="then", filters=[isA("crate")], mutations=[log("then"), UseTargetMutation()]),
        Handler(name="usable", filters=[TargetIsUsableFilter(), actorHas({"ore": 5})], mutations=[UseTargetMutation()]),
    )
    crate = machine("crate", actorHas({"gold": 1}))
    cfg = config(2, actions=actions, agent=RICH, objects={"crate": crate})
    return case(cfg, ["#####", "#@c##", "#cc.#", "#.@c#", "#####"], {"c": "crate"}, env_steps=80)


@world
def first_match_and_all_of() -> Case:
    """Composites on use: first match, all of, nested, empty ones, children that fail."""
    first = FirstMatch(
        handlers=[
            Handler(filters=[actorHas({"gold": 2})], mutations=[log("first.a"), updateActor({"gold": -1})]),
            FirstMatch(handlers=[]),
            AllOf(
                handlers=[
                    Handler(filters=[actorHas({"ore": 6})], mutations=[log("first.b")]),
                    Handler(filters=[actorHas({"ore": 2})], mutations=[log("first.c"), updateActor({"ore": -1})]),
                ]
            ),
            Handler(name="last", mutations=[log("first.d"), updateActor({"gold": 3, "ore": 1})]),
        ]
    )
    every = AllOf(
        handlers=[
            Handler(filters=[actorHas({"gold": 3})], mutations=[log("all.a"), updateActor({"gold": -2})]),
            FirstMatch(handlers=[Handler(filters=[actorHas({"gold": 9})]), Handler(mutations=[log("all.b")])]),
            Handler(mutations=[updateTarget({"ore": 1}), PushObjectMutation(), log("all.never")]),
            Handler(filters=[targetHas({"ore": 3})], mutations=[log("all.c"), updateTarget({"ore": -3})]),
        ]
    )
    objects = {
        "first": GridObjectConfig(name="first", on_use_handler=first),
        "every": GridObjectConfig(name="every", on_use_handler=every),
        "nothing": GridObjectConfig(name="nothing", on_use_handler=AllOf(handlers=[FirstMatch(handlers=[])])),
        "bare": GridObjectConfig(name="bare", on_use_handler=Handler()),
    }
    grid, _ = ring(objects)
    return case(config(2, agent=RICH, objects=objects), grid, env_steps=120)


@world
def first_match_after_failure() -> Case:
    """A first-match child whose mutation fails does not stop the next one; its effects stay."""
    door = FirstMatch(
        handlers=[
            Handler(mutations=[updateActor({"ore": -1}), SpawnObjectMutation(object_type="nobody")]),
            Handler(mutations=[updateActor({"gold": 1}), log("second")]),
        ]
    )
    objects = {"door": GridObjectConfig(name="door", on_use_handler=door)}
    return case(config(2, agent=RICH, objects=objects), ["#####", "#@d@#", "#.d.#", "#####"], {"d": "door"})


@world
def children_share_the_context() -> Case:
    """A spawn in one child of an all-of is the target of the next."""
    actions = moving(Handler(name="build", filters=[actorVibe(VIBES[2].name), TargetLocEmptyFilter()]))
    sower = AllOf(
        handlers=[
            Handler(
                filters=[actorVibe(VIBES[1].name)],
                mutations=[SpawnObjectMutation(object_type="crop"), updateTarget({"gold": 4})],
            ),
            Handler(filters=[targetHas({"gold": 4})], mutations=[log("grown"), updateTarget({"gold": -1})]),
        ]
    )
    crop = machine("crop", mutations=[updateActor({"gold": 1})])
    agent = AgentConfig(on_tick=sower)
    cfg = config(2, actions=actions, agent=agent, objects={"crop": crop})
    return case(cfg, ["....#", ".@.@#", "....#"], env_steps=60, seed=3)


@world
def after_use() -> Case:
    """on_after_use runs on the outer context: rejected filters change nothing, a failed mutation fails the move."""
    after = FirstMatch(
        handlers=[
            Handler(filters=[isA("toll"), actorHas({"gold": 1})], mutations=[updateActor({"gold": -1}), log("toll")]),
            Handler(filters=[isA("trap")], mutations=[log("trapped"), SpawnObjectMutation(object_type="nobody")]),
        ]
    )
    agent = AgentConfig(inventory=InventoryConfig(initial={"gold": 3}), on_after_use_handler=after)
    objects = {
        "toll": machine("toll"),
        "trap": machine("trap"),
        "plain": machine("plain", isNot(actorHas({"gold": 2}))),
    }
    grid, _ = ring(objects)
    return case(config(2, agent=agent, objects=objects), grid, env_steps=100)


@world
def after_use_all_of_ends_failed() -> Case:
    """All-of after use: the flag left by the last child whose filters passed decides."""
    failing = Handler(mutations=[SpawnObjectMutation(object_type="nobody")])
    fine = Handler(filters=[actorVibe(VIBES[1].name)], mutations=[log("fine")])
    agent = AgentConfig(on_after_use_handler=AllOf(handlers=[failing, fine]))
    objects = {"lever": machine("lever")}
    return case(config(2, agent=agent, objects=objects), ["#####", "#@l@#", "#####"], {"l": "lever"}, env_steps=60)


@world
def usable_agents_and_walls() -> Case:
    """Agents and walls run on_use handlers; objects without one cannot be used; `handlers` is ignored."""
    wall = WallConfig(
        on_use_handler=Handler(filters=[actorHas({"ore": 1})], mutations=[updateActor({"ore": -1}), log("mined")])
    )
    agent = AgentConfig(
        inventory=InventoryConfig(initial={"ore": 4}),
        on_use_handler=Handler(mutations=[updateActor({"heart": 1}), updateTarget({"gold": 1})]),
    )
    dumb = GridObjectConfig(name="dumb", handlers={"use": Handler(mutations=[log("ignored")])})
    cfg = config(3, agent=agent, objects={"wall": wall, "dumb": dumb})
    return case(cfg, ["#####", "#@@##", "#d@.#", "#####"], {"d": "dumb"}, env_steps=80)


@world
def uses_of_uses() -> Case:
    """An agent that uses itself on a tick, and a used object that clears what it holds itself."""

    store = machine(
        "store",
        mutations=[
            updateActor({"gold": 2, "ore": 3}),
            ClearInventoryMutation(target=EntityTarget.TARGET, limit_name="bag"),
        ],
        inventory=InventoryConfig(initial={"ore": 3, "gold": 2, "gear": 1}),
    )
    agent = AgentConfig(
        on_tick=Handler(filters=[actorHas({"gold": 6})], mutations=[updateActor({"gold": -6}), UseTargetMutation()]),
        on_use_handler=Handler(mutations=[log("self"), updateActor({"heart": 1})]),
        inventory=InventoryConfig(limits={"bag": {"base": 50, "resources": ["ore", "gold"]}}),
    )
    objects = {"store": store}
    return case(config(2, agent=agent, objects=objects), ["#####", "#@s@#", "#.s.#", "#####"], {"s": "store"})

"""Mutations of the map: what moves, swaps, pushes and creates objects."""

from mettagrid.config.filter import (
    HandlerTarget,
    ResourceFilter,
    TagPrefixFilter,
    TargetLocEmptyFilter,
    VibeFilter,
    actorHas,
    actorVibe,
    isA,
    isNot,
    query,
)
from mettagrid.config.game_value import InventoryValue
from mettagrid.config.handler_config import AllOf, Handler
from mettagrid.config.mettagrid_config import AgentConfig, AOEConfig, GridObjectConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    EntityTarget,
    PushObjectMutation,
    QueryPlaceAdjacentMutation,
    RaycastSpawnMutation,
    RelocateMutation,
    ResourceDeltaMutation,
    ResourceTransferMutation,
    SetRelativeTargetMutation,
    SpawnObjectMutation,
    SwapMutation,
)
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, log, machine, moving, observing, world

ACTOR, TARGET = EntityTarget.ACTOR, EntityTarget.TARGET
DIAGONAL = ["north", "south", "west", "east", "northeast", "southwest", "northwest", "southeast"]


@world
def place_adjacent() -> Case:
    """An entity is put next to the first anchor with a free neighbour, in the order north, south, west, east."""
    place = QueryPlaceAdjacentMutation
    tick = AllOf(
        handlers=[
            Handler(filters=[actorVibe(VIBES[1].name)], mutations=[place(query=query("anchor"))]),
            Handler(filters=[actorVibe(VIBES[2].name)], mutations=[place(query=query("type:agent"), target=TARGET)]),
            Handler(filters=[actorVibe(VIBES[3].name)], mutations=[place(query=query("none"))]),
        ]
    )
    objects = {
        "post": machine("post", mutations=[place(query=query("anchor"), target=TARGET)], tags=["anchor"]),
        "lift": machine("lift", mutations=[place(query=query("anchor"), target=ACTOR)]),
    }
    cfg = config(
        3, agent=AgentConfig(on_tick=tick), objects=objects, tags=["none"], obs=observing(last_action_move=True)
    )
    return case(cfg, ["#p.l.", "@.@#.", ".p.l@"], {"p": "post", "l": "lift"}, env_steps=120)


@world
def relocate_and_swap() -> Case:
    """Relocating onto an occupied cell does nothing but succeeds; agents swap, other objects do not."""
    actions = moving(
        Handler(name="swap", filters=[isA("agent"), actorVibe(VIBES[1].name)], mutations=[SwapMutation()]),
        Handler(name="box", filters=[isA("box")], mutations=[SwapMutation(), RelocateMutation(), log("boxed")]),
        Handler(name="stuck", filters=[actorVibe(VIBES[2].name), isA("wall")], mutations=[RelocateMutation()]),
    )
    objects = {"box": machine("box")}
    cfg = config(3, actions=actions, objects=objects, obs=observing(last_action_move=True))
    return case(cfg, ["#@@b", "#@..", "##.b"], {"b": "box"}, env_steps=120)


@world
def swap_in_one_cell() -> Case:
    """Who walks into the cell of an agent that was removed there shares it; of two that swap, the actor is found."""
    rob = ResourceTransferMutation(
        from_target=TARGET, to_target=ACTOR, resources={"gold": -1}, remove_source_when_empty=True
    )
    agent = AgentConfig(
        inventory=InventoryConfig(initial={"gold": 1}),
        on_use_handler=Handler(mutations=[rob]),
        aoes={"swap": AOEConfig(radius=0, is_static=False, mutations=[SwapMutation()])},
    )
    return case(config(3, agent=agent), ["......", ".@@@..", "......"], scripts=["ee", "", ""], env_steps=80)


@world
def push() -> Case:
    """Pushing objects, walls and agents one cell on, also diagonally; blocked by objects and the edge."""
    actions = moving(
        Handler(
            name="push", filters=[isNot(actorVibe(VIBES[3].name))], mutations=[PushObjectMutation(), RelocateMutation()]
        ),
        directions=DIAGONAL,
    )
    objects = {"box": machine("box", aoes={"a": AOEConfig(radius=1, presence_deltas={"heart": 1})})}
    return case(
        config(2, actions=actions, objects=objects),
        ["......", ".b@#..", "..b@..", "...b.."],
        {"b": "box"},
        env_steps=120,
    )


@world
def relative_target() -> Case:
    """The target is set relative to the actor: distance, diagonals, off-grid fails, an empty cell means none."""
    look = SetRelativeTargetMutation
    tick = AllOf(
        handlers=[
            Handler(
                filters=[actorVibe(VIBES[1].name)],
                mutations=[look(direction="east", distance=2), log("east"), RelocateMutation()],
            ),
            Handler(
                filters=[actorVibe(VIBES[2].name)],
                mutations=[look(direction="northwest"), log("northwest"), SpawnObjectMutation(object_type="seed")],
            ),
            Handler(
                filters=[actorVibe(VIBES[3].name)],
                mutations=[look(direction="south"), AddTagMutation(tag="seen"), PushObjectMutation()],
            ),
            *[
                Handler(
                    filters=[actorVibe(VIBES[0].name)],
                    mutations=[look(direction=d, distance=1 + i % 3), AddTagMutation(tag="seen"), log(f"look.{d}")],
                )
                for i, d in enumerate(DIAGONAL)
            ],
        ]
    )
    objects = {"seed": machine("seed", tags=["sown"])}
    cfg = config(2, agent=AgentConfig(on_tick=tick), objects=objects, tags=["seen"])
    return case(cfg, ["......", ".@..s.", "...@..", ".s...."], {"s": "seed"}, env_steps=100)


@world
def spawn() -> Case:
    """Spawning: the new object is the target, is in no inventory observation, and its AOE starts a step later."""
    spring = machine(
        "spring",
        inventory={"initial": {"ore": 3, "gold": 1}},
        tags=["water"],
        vibe=2,
        aoes={"s": AOEConfig(radius=1, mutations=[ResourceDeltaMutation(target=TARGET, deltas={"heart": 1})])},
    )
    actions = moving(
        Handler(
            name="plant",
            filters=[actorVibe(VIBES[1].name), TargetLocEmptyFilter()],
            mutations=[
                SpawnObjectMutation(object_type="spring"),
                ResourceDeltaMutation(target=TARGET, deltas={"gear": 1}),
            ],
        ),
        Handler(
            name="onto",
            filters=[actorVibe(VIBES[2].name), isA("spring")],
            mutations=[SpawnObjectMutation(object_type="spring")],
        ),
        Handler(
            name="unknown",
            filters=[actorVibe(VIBES[3].name), TargetLocEmptyFilter()],
            mutations=[log("tried"), SpawnObjectMutation(object_type="nobody")],
        ),
    )
    return case(config(2, actions=actions, objects={"spring": spring}), ["......", ".@..@.", "......"], env_steps=100)


@world
def spawned_agent() -> Case:
    """A spawned agent is a grid object with agent id 0 that never acts."""
    objects = {
        "womb": machine(
            "womb",
            actorHas({"ore": 1}),
            mutations=[
                ResourceDeltaMutation(target=ACTOR, deltas={"ore": -1}),
                SetRelativeTargetMutation(direction="north"),
                SpawnObjectMutation(object_type="agent.red"),
            ],
        )
    }
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 2}), on_tick=Handler(mutations=[log("ticks")]))
    return case(
        config(2, agent=agent, objects=objects), ["......", ".@.@..", "..w...", "..w..."], {"w": "womb"}, env_steps=80
    )


@world
def raycast_spawn() -> Case:
    """Spawning along rays: ranges from values, directions, blockers of every allowed kind, no blocker."""
    blockers = [
        isA("wall"),
        ResourceFilter(target=HandlerTarget.TARGET, resources={"gold": 1}),
        VibeFilter(target=HandlerTarget.TARGET, vibe=VIBES[2].name),
        TagPrefixFilter(target=HandlerTarget.TARGET, tag_prefix="hard"),
    ]
    ray = RaycastSpawnMutation
    gold = InventoryConfig(initial={"gold": 2})
    objects = {
        "fire": GridObjectConfig(name="fire"),
        "bomb": machine(
            "bomb", mutations=[ray(object_type="fire", blocker=blockers)], inventory={"initial": {"ore": 1}}
        ),
        "wide": machine(
            "wide",
            mutations=[
                ray(
                    object_type="fire",
                    directions=["east", "north"],
                    max_range=InventoryValue(item="ore"),
                    blocker=blockers[:1],
                )
            ],
            inventory={"initial": {"ore": 3}},
        ),
        "none": machine(
            "none",
            mutations=[
                ray(object_type="fire", directions=[]),
                ray(object_type="fire", max_range=0),
                ray(object_type="fire", max_range=-3),
            ],
        ),
        "chest": machine("chest", inventory=gold),
        "rock": machine("rock", tags=["hard:rock"]),
        "wrong": machine("wrong", mutations=[ray(object_type="nobody"), log("never")]),
    }
    rows = ["........", ".b...c..", "...@....", ".#.w..r.", "....@...", ".n....x.", "........"]
    legend = {"b": "bomb", "c": "chest", "w": "wide", "r": "rock", "n": "none", "x": "wrong"}
    return case(config(2, objects=objects), rows, legend, env_steps=160)

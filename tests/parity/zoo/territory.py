"""Territory: influence, ties, several territories, handlers, sources that move, flip or vanish."""

from mettagrid.config.filter import SharedTagPrefixFilter, actorVibe, isA, isNot, targetHas
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import AgentConfig, GridObjectConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    EntityTarget,
    PushObjectMutation,
    RelocateMutation,
    RemoveTagsWithPrefixMutation,
    ResourceTransferMutation,
    SetRelativeTargetMutation,
    SpawnObjectMutation,
    SwapMutation,
    updateTarget,
)
from mettagrid.config.territory_config import TerritoryConfig, TerritoryControlConfig
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, log, machine, observing, world
from tests.parity.zoo.handlers import moving

FRIENDLY = SharedTagPrefixFilter(tag_prefix="team:")
LAND = TerritoryConfig(
    tag_prefix="team:",
    on_enter={
        "welcome": Handler(mutations=[updateTarget({"ore": 1}), log("enter")]),
        "second": Handler(filters=[FRIENDLY], mutations=[log("home")]),
    },
    on_exit={"bye": Handler(mutations=[updateTarget({"ore": -1}), log("exit")])},
    presence={
        "heal": Handler(filters=[FRIENDLY], mutations=[updateTarget({"heart": 1})]),
        "hurt": Handler(filters=[isNot(FRIENDLY)], mutations=[updateTarget({"heart": -1, "gear": 1})]),
    },
)
COLOURS = ["red", "blue", "green"]
ROWS = ["r.......", "...@..b.", "........", "..A...r.", ".b......"]
LEGEND = {"@": "agent.red", "A": "agent.blue", "r": "redpost", "b": "bluepost"}


def teams(count: int = 2, **fields: object) -> list[AgentConfig]:
    return [AgentConfig(team_id=i, tags=[f"team:{COLOURS[i]}"], **fields) for i in range(count)]


def post(colour: str, strength: int = 3, decay: int = 1, territory: str = "land", **fields: object) -> GridObjectConfig:
    control = TerritoryControlConfig(territory=territory, strength=strength, decay=decay)
    return GridObjectConfig(name=f"{colour}post", tags=[f"team:{colour}"], territory_controls=[control], **fields)


@world
def owned() -> Case:
    """Owners by summed strength, ties unowned, enter, exit and presence handlers, boundaries observed."""
    objects = {"r": post("red"), "b": post("blue", 4, 2)}
    cfg = config(2, agents=teams(), objects=objects, territories={"land": LAND}, obs=observing(territory=True))
    return case(cfg, ROWS, LEGEND, env_steps=120)


@world
def two_territories() -> Case:
    """Two territories over the same cells, default strength and decay, agents as sources."""
    sky = TerritoryConfig(tag_prefix="air:", presence={"fly": Handler(mutations=[updateTarget({"gold": 1})])})
    default = TerritoryControlConfig(territory="sky")
    wide = TerritoryControlConfig(territory="sky", strength=5, decay=2)
    objects = {
        "r": post("red"),
        "b": post("blue"),
        "bird": GridObjectConfig(name="bird", tags=["air:x"], territory_controls=[wide]),
    }
    agents = [
        agent.model_copy(update={"territory_controls": [default], "tags": [*agent.tags, "air:y"]}) for agent in teams()
    ]
    cfg = config(
        2,
        agents=agents,
        objects=objects,
        territories={"sky": sky, "land": LAND},
        obs=observing(territory=True, aoe_mask=True),
    )
    return case(cfg, [*ROWS, "....v..."], {**LEGEND, "v": "bird"}, env_steps=120)


@world
def moving_sources() -> Case:
    """Sources pushed, swapped and relocated take their influence along."""
    actions = moving(
        Handler(name="swap", filters=[isA("agent")], mutations=[SwapMutation()]),
        Handler(name="push", filters=[isNot(isA("wall"))], mutations=[PushObjectMutation(), RelocateMutation()]),
    )
    control = TerritoryControlConfig(territory="land", strength=2)
    cfg = config(
        2,
        agents=teams(territory_controls=[control]),
        actions=actions,
        objects={"r": post("red"), "b": post("blue")},
        territories={"land": LAND},
        obs=observing(territory=True),
    )
    return case(cfg, ROWS, LEGEND, env_steps=140)


@world
def flipping_and_removal() -> Case:
    """Owners flip with tags in place; a removed source keeps its influence; a spawned one has none."""
    flip = [RemoveTagsWithPrefixMutation(prefix="team:"), AddTagMutation(tag="team:green")]
    red = post("red", on_use_handler=Handler(mutations=flip))
    take = ResourceTransferMutation(
        from_target=EntityTarget.TARGET,
        to_target=EntityTarget.ACTOR,
        resources={"gold": 1},
        remove_source_when_empty=True,
    )
    blue = post("blue", on_use_handler=Handler(mutations=[take]), inventory=InventoryConfig(initial={"gold": 2}))
    agents = teams(
        on_tick=Handler(
            filters=[actorVibe(VIBES[1].name), isNot(targetHas({"ore": 9}))],
            mutations=[SetRelativeTargetMutation(direction="east"), SpawnObjectMutation(object_type="bluepost")],
        )
    )
    cfg = config(
        2,
        agents=agents,
        objects={"r": red, "b": blue},
        territories={"land": LAND},
        tags=["team:green"],
        obs=observing(territory=True),
    )
    return case(cfg, ROWS, LEGEND, env_steps=140)


@world
def proxy_actor() -> Case:
    """Handlers see a cell object as actor: it has the owner tag, a place, no inventory, and is no agent."""
    from mettagrid.config.filter import GameValueFilter, HandlerTarget, MaxDistanceFilter, TagFilter, VibeFilter
    from mettagrid.config.game_value import InventoryValue
    from mettagrid.config.mutation import PushObjectMutation as Push
    from mettagrid.config.mutation import RaycastSpawnMutation

    actor = HandlerTarget.ACTOR
    land = TerritoryConfig(
        tag_prefix="team:",
        presence={
            "tag": Handler(filters=[TagFilter(target=actor, tag="team:red")], mutations=[log("red")]),
            "vibe": Handler(filters=[VibeFilter(target=actor, vibe=VIBES[0].name)], mutations=[log("vibe")]),
            "near": Handler(filters=[MaxDistanceFilter(radius=1)], mutations=[log("near")]),
            "value": Handler(
                filters=[GameValueFilter(target=actor, value=InventoryValue(item="ore"))], mutations=[log("value")]
            ),
            "push": Handler(mutations=[log("before"), Push(), log("after")]),
            "relocate": Handler(mutations=[RelocateMutation(), SwapMutation(), log("moved")]),
            "rays": Handler(
                filters=[TagFilter(target=actor, tag="team:blue")],
                mutations=[RaycastSpawnMutation(object_type="weed", max_range=1)],
            ),
        },
    )
    objects = {"r": post("red"), "b": post("blue"), "weed": machine("weed")}
    cfg = config(2, agents=teams(), objects=objects, territories={"land": land}, obs=observing(territory=True))
    return case(cfg, ROWS, LEGEND, env_steps=60)

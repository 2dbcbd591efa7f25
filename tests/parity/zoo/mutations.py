"""Mutations of what objects hold and carry: resources, tags, vibes, statistics; and uses."""

from mettagrid.config.filter import (
    HandlerTarget,
    TagFilter,
    TagPrefixFilter,
    VibeFilter,
    actorHas,
    actorVibe,
    isA,
    query,
)
from mettagrid.config.game_value import InventoryValue, StatValue, SumGameValue
from mettagrid.config.handler_config import FirstMatch, Handler
from mettagrid.config.mettagrid_config import AgentConfig, AOEConfig, GridObjectConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    AttackMutation,
    ChangeVibeMutation,
    ClearInventoryMutation,
    EntityTarget,
    QueryInventoryMutation,
    RemoveTagMutation,
    RemoveTagsWithPrefixMutation,
    ResourceDeltaMutation,
    ResourceTransferMutation,
    SetGameValueMutation,
    StatsEntity,
    StatsMutation,
    StatsTarget,
    UseTargetMutation,
)
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, log, machine, moving, ring, world

ACTOR, TARGET = EntityTarget.ACTOR, EntityTarget.TARGET


@world
def resource_delta() -> Case:
    """Deltas on actor and target, several resources in dict order, clamped at both ends; hp reaching 0 is a death."""
    resources = ["hp", "ore", "gold", "heart"]
    delta = ResourceDeltaMutation
    objects = {
        "gain": machine("gain", mutations=[delta(target=ACTOR, deltas={"gold": 3, "ore": 40000, "hp": 1})]),
        "hurt": machine("hurt", mutations=[delta(target=ACTOR, deltas={"hp": -2, "gold": -5})]),
        "give": machine("give", mutations=[delta(target=TARGET, deltas={"ore": 70000}), delta(target=TARGET)]),
        "huge": machine("huge", mutations=[delta(target=TARGET, deltas={"ore": -2000000000, "gold": 2000000000})]),
    }
    agent = AgentConfig(inventory=InventoryConfig(initial={"hp": 3}))
    cfg = config(2, resource_names=resources, agent=agent, objects=objects)
    return case(cfg, ring(objects)[0], env_steps=120)


@world
def resource_transfer() -> Case:
    """Withdraw and deposit, limits of the receiver, any negative amount means all, self-transfer."""
    move = ResourceTransferMutation
    store = InventoryConfig(initial={"ore": 9, "gold": 3}, limits={"g": {"base": 6, "resources": ["gold"]}})
    objects = {
        "take": machine(
            "take",
            mutations=[move(from_target=TARGET, to_target=ACTOR, resources={"ore": 2, "gold": 1})],
            inventory=store,
        ),
        "put": machine(
            "put",
            mutations=[move(from_target=ACTOR, to_target=TARGET, resources={"ore": 3, "gold": -1})],
            inventory=store,
        ),
        "all": machine(
            "all", mutations=[move(from_target=TARGET, to_target=ACTOR, resources={"ore": -7})], inventory=store
        ),
        "self": machine("self", mutations=[move(from_target=ACTOR, to_target=ACTOR, resources={"ore": 2})]),
        "nothing": machine(
            "nothing", mutations=[move(from_target=TARGET, to_target=ACTOR, resources={"ore": 0})], inventory=store
        ),
    }
    limits = {"bag": {"base": 7, "resources": ["ore", "gold"]}}
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 1}, limits=limits))
    return case(config(2, agent=agent, objects=objects), ring(objects)[0], env_steps=160)


@world
def remove_when_empty() -> Case:
    """A source emptied by a transfer leaves the grid; its cell is free, its tags leave the index."""
    take = ResourceTransferMutation(
        from_target=TARGET, to_target=ACTOR, resources={"ore": 2}, remove_source_when_empty=True
    )
    pulse = AOEConfig(radius=2, presence_deltas={"heart": 2})
    objects = {
        "vein": machine("vein", mutations=[take], inventory={"initial": {"ore": 3}}, tags=["mine"], aoes={"p": pulse}),
        "husk": machine("husk", mutations=[take]),
    }
    total = machine("total", mutations=[StatsMutation(stat="left", source=InventoryValue(item="ore"))])
    agent = AgentConfig(on_tick=Handler(filters=[TagFilter(target=HandlerTarget.ACTOR, tag="type:agent")]))
    cfg = config(2, objects={**objects, "total": total}, agent=agent)
    return case(
        cfg,
        ["#######", "#@v.h.#", "#.vt@v#", "#h...v#", "#######"],
        {"v": "vein", "h": "husk", "t": "total"},
        env_steps=120,
    )


@world
def removed_agent_goes_on() -> Case:
    """An agent removed as an emptied source leaves the object list, yet acts, observes and comes back by moving."""
    rob = ResourceTransferMutation(
        from_target=TARGET, to_target=ACTOR, resources={"gold": -1}, remove_source_when_empty=True
    )
    agent = AgentConfig(
        inventory=InventoryConfig(initial={"gold": 1}),
        on_use_handler=Handler(filters=[actorVibe(VIBES[0].name)], mutations=[rob]),
        on_tick=Handler(filters=[actorHas({"gold": 3})], mutations=[log("rich")]),
    )
    return case(config(3, agent=agent), ["......", ".@@...", "..@..."], env_steps=80, seed=4)


@world
def clear_inventory() -> Case:
    """Clearing a limit's resources; a limit of unknown names clears everything."""
    limits = {
        "bag": {"base": 30, "resources": ["gold", "ore"]},
        "worn": {"base": 5, "resources": ["gear"]},
    }
    agent = AgentConfig(inventory=InventoryConfig(initial={"gold": 3, "ore": 2, "gear": 1, "heart": 4}, limits=limits))
    fill = ResourceDeltaMutation(target=ACTOR, deltas={"ore": 2, "heart": 1, "gear": 1})
    store = InventoryConfig(initial={"ore": 4, "gear": 2, "gold": 1})
    objects = {
        "bag": machine("bag", mutations=[ClearInventoryMutation(target=ACTOR, limit_name="bag")]),
        "worn": machine(
            "worn", mutations=[ClearInventoryMutation(target=TARGET, limit_name="worn"), fill], inventory=store
        ),
        "fill": machine("fill", mutations=[fill]),
    }
    return case(config(2, agent=agent, objects=objects), ring(objects)[0], env_steps=100)


@world
def stats() -> Case:
    """Stats are set, on the game and on either agent; objects have none."""
    value = SumGameValue(values=[InventoryValue(item="ore"), StatValue(name="visits")], weights=[1.5, 0.25])
    setting = StatsMutation
    objects = {
        "game": machine("game", mutations=[setting(stat="total", source=value)]),
        "actor": machine(
            "actor",
            mutations=[
                setting(
                    stat="visits",
                    target=StatsTarget.AGENT,
                    entity=StatsEntity.ACTOR,
                    source=SumGameValue(values=[StatValue(name="visits"), const(1)]),
                )
            ],
        ),
        "target": machine("target", mutations=[setting(stat="lost", target=StatsTarget.AGENT, source=const(3))]),
        "read": machine(
            "read",
            mutations=[
                setting(
                    stat="copied", entity=StatsEntity.ACTOR, source=StatValue(name="total", scope="game", delta=True)
                )
            ],
        ),
        "give": machine("give", mutations=[ResourceDeltaMutation(target=ACTOR, deltas={"ore": 1})]),
    }
    agent = AgentConfig(
        on_use_handler=Handler(mutations=[setting(stat="bumped", target=StatsTarget.AGENT, source=const(0.1))])
    )
    return case(config(2, agent=agent, objects=objects), ring(objects)[0], env_steps=160)


@world
def tags() -> Case:
    """Adding and removing tags, singly and by prefix, of actor and target; the order of the index changes."""
    objects = {
        "mark": machine("mark", mutations=[AddTagMutation(target=ACTOR, tag="mark:a"), AddTagMutation(tag="mark:b")]),
        "unmark": machine(
            "unmark",
            mutations=[RemoveTagMutation(target=ACTOR, tag="mark:a"), RemoveTagMutation(tag="mark:b")],
            tags=["mark:b"],
        ),
        "wipe": machine("wipe", mutations=[RemoveTagsWithPrefixMutation(target=ACTOR, prefix="mark")]),
        "shed": machine(
            "shed",
            mutations=[RemoveTagsWithPrefixMutation(prefix="mark:"), AddTagMutation(tag="mark:c")],
            tags=["mark:b", "mark:d"],
        ),
        "first": machine(
            "first",
            TagPrefixFilter(target=HandlerTarget.ACTOR, tag_prefix="mark"),
            mutations=[
                QueryInventoryMutation(
                    query={"source": "mark:a", "max_items": 1, "query_type": "query"}, deltas={"gold": 1}
                )
            ],
        ),
    }
    return case(config(2, objects=objects, tags=["mark:a", "mark:c"]), ring(objects)[0], env_steps=160)


@world
def change_vibe() -> Case:
    """Vibes of actor and target; an unknown name means vibe 0."""
    objects = {
        "actor": machine("actor", mutations=[ChangeVibeMutation(target=ACTOR, vibe_name=VIBES[2].name)]),
        "target": machine(
            "target",
            VibeFilter(target=HandlerTarget.TARGET, vibe=VIBES[0].name),
            mutations=[ChangeVibeMutation(vibe_name=VIBES[3].name)],
        ),
        "unknown": machine("unknown", mutations=[ChangeVibeMutation(target=ACTOR, vibe_name="no such vibe")]),
        "default": machine("default", mutations=[ChangeVibeMutation()], vibe=1),
    }
    return case(config(2, objects=objects), ring(objects)[0], env_steps=100)


@world
def set_game_value() -> Case:
    """Deltas on inventories (truncated, clamped) and on stats, from constants and from values, of actor and target."""
    change = SetGameValueMutation
    ore, visits = InventoryValue(item="ore"), StatValue(name="visits")
    objects = {
        "two": machine("two", mutations=[change(value=ore, delta=2.9)]),
        "less": machine("less", mutations=[change(value=ore, delta=-1.9)]),
        "half": machine("half", mutations=[change(value=ore, delta=0.5), change(value=visits, delta=0.5)]),
        "many": machine("many", mutations=[change(value=InventoryValue(item="gold"), delta=70000, target=TARGET)]),
        "source": machine(
            "source",
            mutations=[change(value=visits, source=ore), change(value=InventoryValue(item="heart"), source=visits)],
        ),
        "game": machine(
            "game", mutations=[change(value=StatValue(name="total", scope="game"), source=const(1.25), target=TARGET)]
        ),
    }
    tick = Handler(
        mutations=[
            change(value=InventoryValue(item="gear", scope="game"), delta=2.5),
            change(value=InventoryValue(item="gear"), delta=9),
        ]
    )
    return case(config(2, objects=objects, on_tick=tick), ring(objects)[0], env_steps=160)


@world
def query_inventory() -> Case:
    """Deltas on query results, and transfers between them and a source in both directions, with named stats."""
    change = QueryInventoryMutation
    banks = query("bank")
    limits = InventoryConfig(initial={"gold": 5}, limits={"g": {"base": 6, "resources": ["gold"]}})
    objects = {
        "bank": machine("bank", tags=["bank"], inventory=limits),
        "pay": machine(
            "pay",
            mutations=[
                change(query=banks, deltas={"gold": 2, "ore": 1}, source=ACTOR, transfer_stats={"gold": "paid"})
            ],
        ),
        "draw": machine(
            "draw",
            mutations=[
                change(query=banks, deltas={"gold": -1}, source=ACTOR, transfer_stats={"gold": "drawn", "ore": "never"})
            ],
        ),
        "feed": machine("feed", mutations=[change(query=banks, deltas={"gold": 1, "ore": -1})]),
        "hoard": machine("hoard", mutations=[change(query=banks, deltas={"gold": -3}, source=TARGET)], tags=["bank"]),
    }
    agent = AgentConfig(inventory=InventoryConfig(initial={"gold": 4, "ore": 3}))
    return case(config(2, agent=agent, objects=objects), ring(objects)[0], env_steps=160)


@world
def use_target() -> Case:
    """use_target in a move handler, in an agent tick on itself, and from an AOE, whose actor is no agent."""
    actions = moving(
        Handler(
            name="twice", filters=[isA("lever")], mutations=[UseTargetMutation(), UseTargetMutation(), log("twice")]
        )
    )
    lever = machine("lever", actorHas({"ore": 1}), mutations=[ResourceDeltaMutation(target=ACTOR, deltas={"ore": -1})])
    post = GridObjectConfig(name="post", aoes={"a": AOEConfig(radius=2, mutations=[UseTargetMutation(), log("aoe")])})
    agent = AgentConfig(
        inventory=InventoryConfig(initial={"ore": 5}),
        on_tick=FirstMatch(
            handlers=[Handler(filters=[actorVibe(VIBES[1].name)], mutations=[UseTargetMutation(), log("itself")])]
        ),
        on_use_handler=Handler(mutations=[ResourceDeltaMutation(target=ACTOR, deltas={"heart": 1})]),
    )
    cfg = config(2, actions=actions, agent=agent, objects={"lever": lever, "post": post})
    return case(cfg, ["#l@..", ".l@p.", "#...."], {"l": "lever", "p": "post"}, env_steps=80)


@world
def attack_is_ignored() -> Case:
    """An attack mutation is dropped on conversion: the handler behaves as if it were not there."""
    attack = AttackMutation(
        defense_resources={"gear": 1},
        armor_resources={"heart": 1},
        weapon_resources={"gold": 1},
        vibe_bonus={VIBES[1].name: 1},
        on_success=[ResourceDeltaMutation(target=TARGET, deltas={"ore": -1})],
    )
    agent = AgentConfig(
        inventory=InventoryConfig(initial={"ore": 3}), on_use_handler=Handler(mutations=[attack, log("hit")])
    )
    return case(config(2, agent=agent), ["@@.", "..."], env_steps=40)

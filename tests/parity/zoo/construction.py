"""Construction: teams, aliases, map names, ids, sizes, fields the engine does not read."""

from mettagrid.config.action_config import ActionsConfig
from mettagrid.config.event_config import EventConfig
from mettagrid.config.handler_config import AOEConfig, Handler
from mettagrid.config.mettagrid_config import AgentConfig, GridObjectConfig, InventoryConfig, WallConfig
from mettagrid.config.mutation import RemoveTagMutation, updateTarget
from mettagrid.config.territory_config import TerritoryConfig, TerritoryControlConfig
from mettagrid.map_builder.random_map import RandomMapBuilder

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, log, machine, observing, vibing, wandering, world


def team(team_id: int, **fields: object) -> AgentConfig:
    return AgentConfig(team_id=team_id, tags=[f"team{team_id}"], **fields)


def named(*names: str) -> list[list[str]]:
    return [[name for pair in zip(names, ["."] * len(names), strict=True) for name in pair]]


@world
def teams() -> Case:
    """Teams numbered by first appearance, named by id; members get their own configs in map order."""
    agents = [team(3, inventory=InventoryConfig(initial={"ore": i})) for i in range(3)] + [
        team(9, vibe=2),
        team(0),
        team(9),
    ]
    return case(
        config(6, agents=agents),
        named("agent.yellow", "agent.group_1", "agent.yellow", "agent.team_2", "agent.yellow", "agent.team_9"),
        env_steps=30,
    )


@world
def aliases_count_apart() -> Case:
    """Two aliases of one team in a map each start with the first member."""
    agents = [team(0, vibe=i) for i in range(4)]
    return case(
        config(4, agents=agents), named("agent.agent", "agent.red", "agent.agent", "agent.default"), env_steps=20
    )


@world
def colliding_aliases() -> Case:
    """Teams whose id is not their number claim each other's colours; the later one wins."""
    agents = [team(1 - i % 2, vibe=i) for i in range(4)]
    return case(config(4, agents=agents), named("agent.red", "agent.blue", "agent.red", "agent.team_0"), env_steps=20)


@world
def explicit_members() -> Case:
    """Cells may name a member outright; agent ids follow the map."""
    agents = [team(0, vibe=i) for i in range(3)]
    return case(config(3, agents=agents), named("agent.red.2", "agent.red.0", "agent.red.1"), env_steps=20)


@world
def default_agents() -> Case:
    """No agents given: copies of the template, all in team 0, whatever its team."""
    return case(
        config(3, agent=AgentConfig(team_id=4, vibe=1, name="bot")),
        named("agent.agent", "agent.agent", "agent.red"),
        env_steps=20,
    )


@world
def map_names() -> Case:
    """Objects are found by map_name, not by their key or name; types by name."""
    objects = {
        "key": machine("thing", map_name="cell"),
        "other": machine("thing2", map_name="thing"),
        "last": GridObjectConfig(name="thing3", map_name="cell2"),
    }
    return case(config(1, objects=objects), [["agent.agent", "cell", "thing", "cell2", "empty", " "]], env_steps=30)


@world
def object_over_agent_cell() -> Case:
    """An object whose map name is an agent cell takes it."""
    objects = {"impostor": machine("impostor", map_name="agent.blue")}
    return case(config(1, objects=objects), named("agent.agent", "agent.blue"), env_steps=20)


@world
def initial_stats() -> Case:
    """Stats given to agents before the first observation; coverage is reset after them."""
    stats = {
        "cell.visited": 4.5,
        "cell.unique_visited": 9,
        "ore.amount": 77,
        "mine": 0.1,
        "status.max_steps_without_motion": 3,
    }
    agent = AgentConfig(initial_stats=stats, inventory=InventoryConfig(initial={"ore": 2}))
    return case(config(2, agent=agent), ["@..@", "..#."], env_steps=30)


@world
def one_cell() -> Case:
    """A map of a single cell."""
    return case(config(1), ["@"], env_steps=10)


@world
def long_map() -> Case:
    """A map longer than 256 columns: positions beyond a byte, local position capped at 255."""
    rows = ["@" + "." * 300 + "#"]
    cfg = config(1, obs=observing(local_position=True), actions=vibing(1))
    return case(cfg, rows, scripts=["e" * 280], env_steps=290)


@world
def built_by_the_map_builder() -> Case:
    """No grid given: the map comes from the config's builder."""
    cfg = config(4, map_builder=RandomMapBuilder.Config(width=9, height=7, agents=4, seed=3, border_width=1))
    actions, vibes = wandering(cfg, 30)
    return Case(name="", config=cfg, grid=None, actions=actions, vibe_actions=vibes)


@world
def fields_the_engine_does_not_read() -> Case:
    """Labels, talk, params, estimates, event and AOE names change nothing."""
    cfg = config(
        2,
        params={"anything": 1},
        reward_estimates={"best": 1.0},
        talk={"enabled": True, "max_length": 20, "cooldown_steps": 3, "broadcast_resource": "ore"},
        vibe_names=["overwritten"],
        events={
            "e": EventConfig(
                name="named", target_query="type:agent", timesteps=[2], mutations=[updateTarget({"ore": 1}), log("hit")]
            )
        },
        agent=AgentConfig(
            map_name="ignored",
            handlers={"use": Handler(mutations=[log("ignored")])},
            aoes={"x": AOEConfig(name="named", effect_self=True, mutations=[updateTarget({"gold": 1})])},
        ),
    )
    cfg.label, cfg.desync_episodes = "a label", False
    return case(cfg, ["@..@"], env_steps=12)


@world
def many_agents() -> Case:
    """Sixty-four agents on a small field: orders of many shuffles."""
    cfg = config(64, obs=observing(5, 5, 120), max_steps=50)
    return case(cfg, ["@" * 8 + "........"] * 8, env_steps=20, seed=1234567)


@world
def large_seed() -> Case:
    """A seed of all 32 bits."""
    handler = Handler(mutations=[log("x")])
    control: list[TerritoryControlConfig] = []
    cfg = config(
        6,
        agent=AgentConfig(on_tick=handler, territory_controls=control),
        actions=ActionsConfig(change_vibe={"vibes": [], "enabled": True}),
    )
    return case(cfg, ["@@@...", "...@@@"], env_steps=30, seed=2**32 - 1)


@world
def walls_with_everything() -> Case:
    """Walls under a map name of their own, with tags, a vibe, areas, territory, sight; their `handlers` are ignored."""
    land = TerritoryConfig(tag_prefix="side:", presence={"p": Handler(mutations=[updateTarget({"gold": 1})])})
    wall = WallConfig(
        name="rock",
        map_name="brick",
        tags=["side:stone"],
        vibe=3,
        blocks_vision=True,
        aoes={"heat": AOEConfig(radius=1, mutations=[updateTarget({"ore": 1})])},
        territory_controls=[TerritoryControlConfig(territory="land", strength=2)],
        handlers={"use": Handler(mutations=[log("ignored")])},
        on_use_handler=Handler(mutations=[RemoveTagMutation(tag="side:stone"), log("chipped")]),
        on_tag_remove={"side:": Handler(mutations=[log("bared")])},
    )
    cfg = config(2, objects={"stone": wall}, territories={"land": land}, obs=observing(territory=True))
    return case(cfg, ["b....#", "..@.b.", ".b.@..", "#....."], {"b": "brick"}, env_steps=60)

"""Game values: each kind, each scope, nesting, float32 arithmetic; scripts that end in odd numbers."""

from mettagrid.config.filter import GameValueFilter, query
from mettagrid.config.game_value import (
    InventoryValue,
    MaxGameValue,
    MinGameValue,
    QueryCountValue,
    RatioGameValue,
    StatValue,
    SumGameValue,
)
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import SetGameValueMutation, SpawnObjectMutation, StatsMutation, updateActor
from mettagrid.config.query import MaterializedQuery, Query
from mettagrid.config.reward_config import AgentReward

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, gauge, machine, observing, ring, world

ORE, GOLD = InventoryValue(item="ore"), InventoryValue(item="gold")
FEED = machine("feed", mutations=[updateActor({"ore": 3, "gold": 1})])
AGENT = AgentConfig(inventory=InventoryConfig(initial={"ore": 2}))


@world
def plain() -> Case:
    """Inventory, stats of agent and game, constants; reading a stat creates it."""
    objects = {
        "ore": gauge("ore", ORE),
        "gameore": gauge("gameore", InventoryValue(item="ore", scope="game")),
        "stat": gauge("stat", StatValue(name="action.move.success")),
        "game": gauge("game", StatValue(name="objects.wall", scope="game")),
        "fresh": gauge("fresh", StatValue(name="never.written", scope="game")),
        "delta": gauge("delta", StatValue(name="action.move.failed", delta=True)),
        "const": gauge("const", const(0.1)),
        "feed": FEED,
    }
    return case(config(2, agent=AGENT, objects=objects), ring(objects)[0], env_steps=140)


@world
def sums() -> Case:
    """Sums with weights and logarithms, in float32 and in order."""
    objects = {
        "sum": gauge("sum", SumGameValue(values=[ORE, GOLD, const(0.1)])),
        "weights": gauge(
            "weights", SumGameValue(values=[ORE, GOLD, const(1e8), const(-1e8)], weights=[0.1, 1 / 3, 1, 1])
        ),
        "log": gauge("log", SumGameValue(values=[ORE, GOLD], log=True)),
        "both": gauge("both", SumGameValue(values=[ORE, GOLD], weights=[0.7, -0.2], log=True)),
        "nested": gauge("nested", SumGameValue(values=[SumGameValue(values=[ORE, const(0.3)], log=True), GOLD])),
        "feed": FEED,
    }
    return case(config(2, agent=AGENT, objects=objects), ring(objects)[0], env_steps=140)


@world
def ratios_and_bounds() -> Case:
    """Ratios with zero and negative denominators, maxima and minima, nested in each other."""
    objects = {
        "ratio": gauge("ratio", RatioGameValue(numerator=ORE, denominator=GOLD)),
        "negative": gauge("negative", RatioGameValue(numerator=ORE, denominator=const(-2))),
        "max": gauge("max", MaxGameValue(values=[ORE, const(4), GOLD])),
        "min": gauge("min", MinGameValue(values=[ORE, const(4), GOLD])),
        "clamped": gauge(
            "clamped",
            MinGameValue(
                values=[MaxGameValue(values=[SumGameValue(values=[ORE], weights=[-0.5]), const(-3)]), const(2)]
            ),
        ),
        "query": gauge(
            "query",
            RatioGameValue(
                numerator=QueryCountValue(query=Query(source="type:wall")),
                denominator=QueryCountValue(query=Query(source="type:agent")),
            ),
        ),
        "feed": FEED,
    }
    return case(config(2, agent=AGENT, objects=objects), ring(objects)[0], env_steps=160)


@world
def statistics_without_a_name() -> Case:
    """The statistic '' reads and changes a tracker's oldest one, which is an initial amount or an initial statistic."""
    nameless, games = StatValue(name=""), StatValue(name="", scope="game")
    objects = {
        "agent": gauge("agent", nameless),
        "sum": gauge("sum", SumGameValue(values=[nameless, games], weights=[2, 0.5])),
        "change": machine("change", mutations=[SetGameValueMutation(value=nameless, delta=5)]),
        "game": machine("game", mutations=[SetGameValueMutation(value=games, delta=7)]),
        "written": machine("written", mutations=[StatsMutation(stat="", source=const(3))]),
        "feed": FEED,
    }
    paid = {
        "named": AgentReward(reward=StatValue(name="fresh")),
        "nameless": AgentReward(reward=nameless),
        "inside": AgentReward(reward=SumGameValue(values=[games]), per_tick=True),
    }
    agents = [
        AgentConfig(rewards=paid),
        AgentConfig(rewards=paid, inventory=InventoryConfig(initial={"ore": 2, "gold": 3})),
        AgentConfig(rewards=paid, initial_stats={f"stat{i}": i + 0.5 for i in range(17)}),
        AgentConfig(rewards=paid, initial_stats={"": 4.0, "b": 5.0}),
    ]
    cfg = config(4, agents=agents, objects=objects, obs=observing(obs={"agent": nameless, "game": games}))
    return case(cfg, ring(objects, 4)[0], env_steps=120)


@world
def statistics_from_the_start() -> Case:
    """Coverage is counted before materialized queries are made; a spawned agent has only its initial statistics."""
    walked = GameValueFilter(target="target", value=StatValue(name="cell.unique_visited"), min=1)
    here = MaterializedQuery(tag="here", query=query("type:agent", [walked]))
    spawn = SpawnObjectMutation(object_type="agent.blue")
    read = [
        StatsMutation(stat=f"spawned.{name}", entity="target", source=StatValue(name=name))
        for name in ("x", "ore.amount", "cell.unique_visited", "")
    ]
    agents = [
        AgentConfig(on_tick=Handler(mutations=[spawn, *read])),
        AgentConfig(team_id=1, initial_stats={"x": 9.0}, inventory=InventoryConfig(initial={"ore": 4})),
    ]
    return case(
        config(2, agents=agents, materialize_queries=[here]), [["empty", "agent.red", "agent.blue"]], env_steps=9
    )


@world
def in_observations() -> Case:
    """Observed values in several digits, negative and huge ones running over into the next feature ids."""
    values = {
        "ore": ORE,
        "neg": const(-3),
        "half": const(-0.5),
        "huge": const(5e9),
        "growing": StatValue(name="grown"),
        "last": const(65535),
    }
    agent = AgentConfig(
        inventory=InventoryConfig(initial={"ore": 300}),
        on_tick=Handler(
            mutations=[
                SetGameValueMutation(value=StatValue(name="grown"), delta=997.5),
                StatsMutation(stat="seen", source=StatValue(name="tokens_written", scope="game")),
            ]
        ),
    )
    return case(config(2, agent=agent, obs=observing(obs=values, last_action_move=True)), ["@..@"], env_steps=80)

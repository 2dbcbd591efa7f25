"""Rewards: entries, per tick or as differences, logs, bounds, ratios, stats and queries, float32 sums."""

from mettagrid.config.filter import query
from mettagrid.config.game_value import (
    InventoryValue,
    QueryCountValue,
    QueryInventoryValue,
    RatioGameValue,
    StatValue,
    SumGameValue,
)
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import updateActor
from mettagrid.config.reward_config import AgentReward, inventoryReward, reward

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, machine, ring, world

ORE, GOLD = InventoryValue(item="ore"), InventoryValue(item="gold")


def objects() -> dict[str, object]:
    return {
        "more": machine("more", mutations=[updateActor({"ore": 2, "gold": 1})]),
        "less": machine("less", mutations=[updateActor({"ore": -1})]),
        "much": machine("much", mutations=[updateActor({"gold": 1000})]),
    }


@world
def differences() -> Case:
    """Changes of holdings and stats; initial holdings pay in the first step."""
    rewards = {
        "ore": inventoryReward("ore", weight=0.1),
        "moved": reward(StatValue(name="action.move.success"), weight=0.01),
        "delta": reward(StatValue(name="action.move.failed", delta=True), weight=-0.3),
        "game": reward(StatValue(name="used.more", scope="game"), weight=1 / 3),
        "visited": AgentReward(reward=StatValue(name="cell.visited")),
        "default": AgentReward(),
    }
    agent = AgentConfig(rewards=rewards, inventory=InventoryConfig(initial={"ore": 5}))
    return case(config(2, agent=agent, objects=objects()), ring(objects())[0], env_steps=100)


@world
def per_tick() -> Case:
    """Values paid every step, agents with rewards of their own."""
    agents = [
        AgentConfig(
            rewards={
                "ore": inventoryReward("ore", weight=0.07, per_tick=True),
                "both": reward([ORE, GOLD], weight=0.003, per_tick=True),
            }
        ),
        AgentConfig(
            rewards={"gold": AgentReward(reward=GOLD, per_tick=True), "ore": AgentReward(reward=ORE)},
            initial_stats={"x": 1.5},
        ),
    ]
    return case(config(2, agents=agents, objects=objects()), ring(objects())[0], env_steps=100)


@world
def shaped() -> Case:
    """Logarithms, minima and maxima, ratios, nested sums."""
    rewards = {
        "log": reward(GOLD, weight=0.9, log=True),
        "clamped": reward(ORE, weight=0.5, min=1, max=2.5),
        "max": inventoryReward("gold", weight=0.001, max=0.75, per_tick=True),
        "ratio": AgentReward(reward=RatioGameValue(numerator=ORE, denominator=GOLD)),
        "nested": AgentReward(
            reward=SumGameValue(values=[SumGameValue(values=[ORE, GOLD], log=True), const(0.1)], weights=[0.37, 1.0]),
            per_tick=True,
        ),
    }
    agent = AgentConfig(rewards=rewards)
    return case(config(2, agent=agent, objects=objects()), ring(objects())[0], env_steps=120)


@world
def over_queries() -> Case:
    """Counts and sums over queries, evaluated after the observations of the step."""
    rewards = {
        "count": AgentReward(reward=QueryCountValue(query=query("type:agent")), per_tick=True),
        "sum": reward(QueryInventoryValue(query=query("type:agent"), item="gold"), weight=0.01),
    }
    agent = AgentConfig(rewards=rewards, on_tick=Handler(mutations=[updateActor({"gold": 1})]))
    return case(config(3, agent=agent, objects=objects()), ring(objects(), 3)[0], env_steps=60)


@world
def at_the_end() -> Case:
    """The last step pays, and so do steps after it."""
    agent = AgentConfig(rewards={"tick": AgentReward(reward=const(0.1), per_tick=True)})
    return case(config(2, agent=agent, max_steps=6), ["@.@"], env_steps=10)

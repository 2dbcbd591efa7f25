"""Observations: every option, window shapes, edges, line of sight, radius, territory, digits, budgets."""

from mettagrid.config.filter import actorVibe
from mettagrid.config.game_value import InventoryValue, Scope, StatValue, SumGameValue
from mettagrid.config.handler_config import FirstMatch, Handler
from mettagrid.config.mettagrid_config import AgentConfig, GridObjectConfig, InventoryConfig, WallConfig
from mettagrid.config.mutation import updateActor
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, machine, observing, world

OPEN = ["@.......#", "..c..#...", "...@.....", ".#....c..", "........@"]
CROWD = ["@.......#", "..c.@#...", "...@.....", ".#....c..", "........@"]
LEGEND = {"c": "chest"}


def chests(**fields: object) -> dict[str, object]:
    return {"chest": machine("chest", inventory=InventoryConfig(initial={"ore": 300, "gold": 2}), vibe=1, **fields)}


def shown(name: str, width: int, height: int, rows: list[str] | None = None, **fields: object) -> None:
    def build() -> Case:
        cfg = config(3, objects=chests(), obs=observing(width, height, 300, **fields))
        return case(cfg, rows or OPEN, LEGEND, env_steps=30)

    build.__name__, build.__doc__ = name, f"Window of width {width} and height {height}, agents at corners and edges."
    build.__module__ = __name__
    world(build)


for _width, _height in [
    (1, 1),
    (3, 3),
    (5, 5),
    (9, 9),
    (11, 11),
    (13, 13),
    (15, 15),
    (1, 5),
    (5, 1),
    (5, 9),
    (11, 7),
    (13, 5),
    (3, 15),
    (15, 1),
]:
    shown(f"window_{_width}x{_height}", _width, _height)


@world
def all_global_tokens() -> Case:
    """Every global token at once, in its order; token_dim is ignored."""
    obs = observing(
        7,
        7,
        200,
        episode_completion_pct=True,
        last_action=True,
        last_action_move=True,
        last_reward=True,
        goal_obs=True,
        local_position=True,
        territory=True,
        aoe_mask=True,
        token_dim=4,
        obs={"ore": InventoryValue(item="ore"), "moves": StatValue(name="action.move.success")},
    )
    agent = AgentConfig(
        inventory=InventoryConfig(initial={"ore": 1000}), rewards={"a": {"reward": const(0.5), "per_tick": True}}
    )
    return case(config(3, agent=agent, objects=chests(), obs=obs, max_steps=20), OPEN, LEGEND, env_steps=30)


@world
def no_global_tokens() -> Case:
    """Every global token off."""
    obs = observing(7, 7, 200, episode_completion_pct=False, last_action=False, last_reward=False)
    return case(config(3, objects=chests(), obs=obs), OPEN, LEGEND, env_steps=20)


@world
def digits() -> Case:
    """Small bases take many tokens per amount; protocol features only take ids."""
    obs = observing(7, 7, 400, token_value_base=10, obs={"ore": InventoryValue(item="ore"), "big": const(123456)})
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 65535, "gold": 10, "heart": 9}))
    return case(
        config(3, agent=agent, objects=chests(), obs=obs, protocol_details_obs=False), OPEN, LEGEND, env_steps=20
    )


@world
def binary_digits() -> Case:
    """Base 2: sixteen tokens for one amount."""
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 65535, "gold": 1}))
    return case(
        config(1, agent=agent, resource_names=["ore", "gold"], obs=observing(3, 3, 60, token_value_base=2)),
        ["@.#"],
        env_steps=8,
    )


@world
def line_of_sight() -> Case:
    """Types that block vision hide what lies behind them, touching corners included; other walls do not."""
    objects = {
        "wall": WallConfig(blocks_vision=True),
        "glass": WallConfig(name="glass"),
        "tree": GridObjectConfig(name="tree", blocks_vision=True, vibe=2),
        **chests(),
    }
    rows = ["#..c....#", "..t..#.c.", ".c.@..t..", "..g...c..", ".#t.@...c"]
    cfg = config(2, objects=objects, obs=observing(9, 9, 300))
    return case(cfg, rows, {**LEGEND, "t": "tree", "g": "glass"}, env_steps=60)


@world
def radius() -> Case:
    """The radius follows a value, clamped to the window and at zero; global tokens stay."""
    tick = FirstMatch(
        handlers=[
            Handler(filters=[actorVibe(VIBES[1].name)], mutations=[updateActor({"gear": 1})]),
            Handler(filters=[actorVibe(VIBES[2].name)], mutations=[updateActor({"gear": -1})]),
        ]
    )
    agent = AgentConfig(on_tick=tick, inventory=InventoryConfig(initial={"gear": 2}))
    obs = observing(9, 7, 300, observation_radius_value=InventoryValue(item="gear"))
    return case(config(3, agent=agent, objects=chests(), obs=obs), OPEN, LEGEND, env_steps=60)


@world
def negative_radius() -> Case:
    """A negative radius shows the own cell only."""
    obs = observing(7, 7, 200, observation_radius_value=const(-2.5))
    return case(config(3, objects=chests(), obs=obs), OPEN, LEGEND, env_steps=10)


@world
def values_that_turns_count() -> Case:
    """Observed values that an agent's own turn and the turns before it change: ages credited, tokens written."""
    values = {"ages": StatValue(name="cell.visited"), "tokens": StatValue(name="tokens_written", scope=Scope.GAME)}
    return case(config(4, objects=chests(), obs=observing(7, 7, 300, obs=values)), CROWD, LEGEND, env_steps=40)


@world
def radius_that_turns_count() -> Case:
    """A radius that grows from one agent's turn to the next: with the tokens that were written."""
    tokens = StatValue(name="tokens_written", scope=Scope.GAME)
    obs = observing(11, 11, 300, observation_radius_value=SumGameValue(values=[tokens], weights=[0.01]))
    return case(config(4, objects=chests(), obs=obs), CROWD, LEGEND, env_steps=20)


@world
def radius_and_line_of_sight() -> Case:
    """With a clamped radius the hidden flags are read at another stride, as the published engine does."""
    objects = {"wall": WallConfig(blocks_vision=True), **chests()}
    agents = [AgentConfig(inventory=InventoryConfig(initial={"gear": i})) for i in range(4)]
    obs = observing(9, 5, 300, observation_radius_value=InventoryValue(item="gear"))
    rows = ["#..c..#..", ".@#..c.@.", "..c.#....", "#.@..c#@.", "...#....c"]
    return case(config(4, agents=agents, objects=objects, obs=obs), rows, LEGEND, env_steps=60)


@world
def exact_budget() -> Case:
    """As many tokens as the budget allows are fine."""
    return case(config(1, obs=observing(1, 1, 6)), ["@."], env_steps=8)


@world
def many_vibes() -> Case:
    """The vibe token is shown for agents and objects unless it is zero."""
    objects = {f"v{i}": GridObjectConfig(name=f"v{i}", vibe=i * 50) for i in range(6)}
    rows = [["agent.agent", "v0", "v1", "v2"], ["v3", "v4", "v5", "agent.agent"]]
    return case(config(2, objects=objects, agent=AgentConfig(vibe=3)), rows, env_steps=20)

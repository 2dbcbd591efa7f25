"""Errors are behaviour: over a hostile config both engines end at the same stage with the same kind of error.

Numbers at the ends of their types that the wheel takes are compared in lockstep like any other world.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from mettagrid.base_config import Config
from mettagrid.config.action_config import AttackOutcome
from mettagrid.config.event_config import EventConfig
from mettagrid.config.filter import HandlerTarget, MaxDistanceFilter, PeriodicFilter, query
from mettagrid.config.game_value import ConstValue, InventoryValue, MaxGameValue
from mettagrid.config.handler_config import AOEConfig, Handler
from mettagrid.config.mettagrid_config import AgentConfig, GridObjectConfig, InventoryConfig, MettaGridConfig
from mettagrid.config.mutation import (
    QueryInventoryMutation,
    RemoveTagsWithPrefixMutation,
    SetRelativeTargetMutation,
    StatsMutation,
    updateActor,
    updateTarget,
)
from mettagrid.config.territory_config import TerritoryControlConfig

from tests.parity.case import Case, InventoryEdit
from tests.parity.engines import compare_case
from tests.parity.lockstep import Report
from tests.parity.processes import Oracle
from tests.parity.test_traps import play
from tests.parity.zoo.base import case, config, log, observing
from tests.parity.zoo.territory import LAND, teams

INT32_MAX, INT32_MIN = 2**31 - 1, -(2**31)


def small(cfg: MettaGridConfig, rows: list[str] | None = None, legend: dict[str, str] | None = None) -> Case:
    return case(cfg, rows or ["@.."], legend, env_steps=6)


def behind(model: Config, **fields: Any) -> Any:
    """A copy with values that pydantic would not let in."""
    return model.model_copy(update=fields)


def limit(**fields: Any) -> Case:
    limits = {"bag": {"resources": ["ore"], "base": 4, **fields}}
    inventory = InventoryConfig(limits=limits, initial={"gold": 65535, "ore": 3}, default_limit=65535)
    tick = Handler(mutations=[updateActor({"ore": 5}), updateActor({"gold": -1})])
    return small(config(1, agent=AgentConfig(inventory=inventory, on_tick=tick)))


def initial(amount: int) -> Case:
    return small(config(1, agent=AgentConfig(inventory=InventoryConfig(initial={"gold": amount}))))


def area(radius: int, *, delta: int = 1, presence: int = 1, static: bool = True) -> Case:
    one = AOEConfig(is_static=static, mutations=[updateTarget({"ore": delta})], presence_deltas={"gold": presence})
    one = behind(one, radius=radius)
    well = GridObjectConfig(name="well", aoes={"one": one, "two": one.model_copy()})
    agent = AgentConfig(inventory=InventoryConfig(initial={"ore": 5, "gold": 9}, default_limit=65535))
    return small(config(1, objects={"well": well}, agent=agent), ["@.w.", "...."], {"w": "well"})


def territory(**fields: Any) -> Case:
    control = behind(TerritoryControlConfig(territory="land"), **fields)
    post = GridObjectConfig(name="post", tags=["team:red"], territory_controls=[control])
    return small(config(2, agents=teams(), objects={"post": post}, territories={"land": LAND}), ["@p@"], {"p": "post"})


def window(width: int, height: int, tokens: int, **fields: Any) -> Case:
    return small(config(1, obs=observing(width, height, tokens, **fields)))


def tick(*mutations: Any, **game: Any) -> Case:
    agent = AgentConfig(on_tick=Handler(mutations=list(mutations)), inventory=InventoryConfig(initial={"ore": 7}))
    return small(config(2, agent=agent, **game), ["@.@"])


def at_game_level(*mutations: Any) -> Case:
    return small(config(1, on_tick=Handler(mutations=list(mutations))))


def every(**fields: Any) -> Any:
    return behind(PeriodicFilter(period=2), **fields)


def ticking(*filters: Any) -> Case:
    agent = AgentConfig(on_tick=Handler(filters=list(filters), mutations=[log("passed")]))
    return small(config(1, agent=agent))


def storm(**fields: Any) -> Case:
    storm, calm = (
        EventConfig(
            target_query="type:agent",
            timesteps=[1, 2],
            mutations=[updateTarget({"ore": 1}), StatsMutation(stat="last", source=ConstValue(value=number))],
        )
        for number in (1, 2)
    )
    return small(config(3, events={"storm": behind(storm, **fields), "calm": calm}), ["@@@"])


def costly(action: str, **fields: Any) -> Case:
    made = config(1)
    actions = made.game.actions
    setattr(actions, action, behind(getattr(actions, action), enabled=True, **fields))
    return small(made)


def aimed(distance: int) -> Case:
    read = StatsMutation(stat="hit", entity="target", source=InventoryValue(item="ore"))
    aim = behind(SetRelativeTargetMutation(direction="east"), distance=distance)
    sign = GridObjectConfig(name="sign", inventory=InventoryConfig(initial={"ore": 4}))
    agent = AgentConfig(on_tick=Handler(mutations=[aim, log("aimed"), read]))
    return small(config(1, objects={"sign": sign}, agent=agent), ["s@."], {"s": "sign"})


def twice_named() -> Case:
    """Both are shown under one feature, the last of them in the order of the hash table."""
    both = case(config(1, resource_names=["ore", "gold", "ore"], objects={}), ["@.."], env_steps=8)
    edits = (InventoryEdit(1, 0, {0: 3, 2: 5}), InventoryEdit(3, 0, {2: 5, 0: 3}))
    return dataclasses.replace(both, inventory_edits=edits)


def opaque_agents() -> Case:
    made = config(3, obs=observing(9, 9))
    made.game.agent = behind(made.game.agent, blocks_vision=True)
    return small(made, ["@.@.@.."])


REFUSED: dict[str, tuple[Callable[[], Case], str]] = {
    "modifier bonus -1": (lambda: limit(modifiers={"gold": -1}), "TypeError"),
    "modifier bonus 2^16": (lambda: limit(modifiers={"gold": 2**16}), "TypeError"),
    "modifier bonus 2^31-1": (lambda: limit(modifiers={"gold": INT32_MAX}), "TypeError"),
    "limit base -1": (lambda: limit(base=-1), "TypeError"),
    "limit max 2^16": (lambda: limit(max=2**16), "TypeError"),
    "initial amount -1": (lambda: initial(-1), "TypeError"),
    "initial amount 2^16": (lambda: initial(2**16), "TypeError"),
    "area radius 2^31": (lambda: area(2**31), "TypeError"),
    "area radius 2^64": (lambda: area(2**64), "TypeError"),
    "presence delta 2^31": (lambda: area(1, presence=2**31), "TypeError"),
    "territory strength 2^40": (lambda: territory(strength=2**40), "TypeError"),
    "territory decay 2^31": (lambda: territory(strength=2, decay=2**31), "TypeError"),
    "resource delta 2^31": (lambda: tick(updateActor({"ore": 2**31})), "TypeError"),
    "num_tokens 0": (lambda: window(5, 5, 0), "RuntimeError"),
    "num_tokens 1": (lambda: window(5, 5, 1), "RuntimeError"),
    "num_tokens -1": (lambda: window(5, 5, -1), "TypeError"),
    "num_tokens 2^63": (lambda: window(5, 5, 2**63), "TypeError"),
    "width -1": (lambda: window(-1, 5, 50), "TypeError"),
    "width 17": (lambda: window(17, 5, 50), "RuntimeError"),
    "width 256": (lambda: window(256, 5, 50), "TypeError"),
    "height -1": (lambda: window(5, -1, 50), "TypeError"),
    "height 2^64": (lambda: window(5, 2**64, 50), "TypeError"),
    "token_value_base 0": (lambda: window(5, 5, 50, token_value_base=0), "ValueError"),
    "token_value_base -3": (lambda: window(5, 5, 50, token_value_base=-3), "ValueError"),
    "token_value_base 1": (lambda: window(5, 5, 50, token_value_base=1), "ZeroDivisionError"),
    "token_value_base 2^32": (lambda: window(5, 5, 50, token_value_base=2**32), "TypeError"),
    "max_steps 2^32": (lambda: small(config(1, max_steps=2**32)), "TypeError"),
    "area radius below -2^31": (lambda: area(INT32_MIN - 1), "TypeError"),
    "territory strength below -2^31": (lambda: territory(strength=INT32_MIN - 1), "TypeError"),
    "periodic period -1": (lambda: ticking(every(period=-1)), "TypeError"),
    "periodic start 2^32": (lambda: ticking(every(start_on=2**32)), "TypeError"),
    "event priority 2^31": (lambda: storm(priority=2**31), "TypeError"),
    "event priority below -2^31": (lambda: storm(priority=INT32_MIN - 1), "TypeError"),
    "event max_targets below -2^31": (lambda: storm(max_targets=INT32_MIN - 1), "TypeError"),
    **{
        f"{action} {field} {amount}": (lambda a=action, f=field, n=amount: costly(a, **{f: {"ore": n}}), "TypeError")
        for action in ("noop", "move", "change_vibe", "attack")
        for field in ("consumed_resources", "required_resources")
        for amount in (-1, 2**16)
    },
    **{
        f"attack {field} {amount}": (lambda f=field, n=amount: costly("attack", **{f: {"ore": n}}), "TypeError")
        for field in ("defense_resources", "armor_resources", "weapon_resources")
        for amount in (-1, 2**16)
    },
    "attack vibe bonus 2^31": (lambda: costly("attack", vibe_bonus={"default": 2**31}), "TypeError"),
    "attack delta below -2^31": (
        lambda: costly("attack", success=AttackOutcome(target_inv_delta={"ore": INT32_MIN - 1})),
        "TypeError",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_both_engines_refuse_with_the_same_kind_of_error(oracle: Oracle, name: str) -> None:
    build, kind = REFUSED[name]
    published, native = (oracle.call(play, build(), engine) for engine in ("published", "native"))
    assert published.startswith(f"construction: {kind}: "), published
    assert native.startswith(f"construction: {kind}: "), native
    if kind == "RuntimeError":  # the words are the engine's own: the same facts
        assert native == published
    else:
        assert "game" in native  # ours names the config path


ENDLESS: dict[str, Callable[[], Case]] = {
    "area": lambda: area(INT32_MAX),
    "territory": lambda: territory(strength=INT32_MAX),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_the_wheel_would_walk_for_hours_ends_at_the_edge_of_the_map(oracle: Oracle, name: str) -> None:
    assert oracle.call(play, ENDLESS[name](), "native") == "ran"


SPAN = HandlerTarget.TARGET
ONE = ConstValue(value=1.0)
EXTREMES: dict[str, Callable[[], Case]] = {
    "no tag with that prefix, on nobody": lambda: at_game_level(RemoveTagsWithPrefixMutation(prefix="nothing like it")),
    "modifier bonus times amount beyond 32 bits": lambda: limit(modifiers={"gold": 65535}),
    "two modifiers beyond 32 bits": lambda: limit(modifiers={"gold": 32768, "ore": 65535}),
    "area of mobile radius 2^31-1": lambda: area(INT32_MAX, static=False),
    "area that gives 2^31-1 twice": lambda: area(1, delta=INT32_MAX),
    "area that takes -2^31 twice": lambda: area(1, delta=INT32_MIN),
    "presence of -2^31": lambda: area(1, presence=INT32_MIN),
    "territory decay 2^31-1": lambda: territory(strength=3, decay=INT32_MAX),
    "resource deltas at both ends": lambda: tick(updateActor({"ore": INT32_MAX}), updateActor({"ore": INT32_MIN})),
    "distance 2^31-1": lambda: small(
        config(
            2,
            events={
                "far": EventConfig(
                    target_query="type:agent",
                    timesteps=[1, 2],
                    filters=[MaxDistanceFilter(target=SPAN, radius=INT32_MAX, query=query("type:agent"))],
                    mutations=[updateTarget({"ore": 1})],
                )
            },
        ),
        ["@.@"],
    ),
    "exchange of 2^31-1 and -2^31": lambda: tick(
        QueryInventoryMutation(query=query("type:agent"), deltas={"ore": INT32_MIN, "gold": INT32_MAX}),
    ),
    "nan, inf and -inf as values": lambda: small(
        config(
            1,
            obs=observing(
                5, 5, 60, obs={name: ConstValue(value=float(name)) for name in ("nan", "inf", "-inf", "1e38", "-1e38")}
            ),
        )
    ),
    "token_value_base 2^31": lambda: window(5, 5, 50, token_value_base=2**31),
    "token_value_base 65537": lambda: window(5, 5, 50, token_value_base=65537),
    "max_steps 2^32-1": lambda: small(config(1, max_steps=2**32 - 1)),
    **{
        f"area of radius {radius}, {'static' if static else 'mobile'}": lambda r=radius, s=static: area(r, static=s)
        for radius in (-1, -2, INT32_MIN)
        for static in (True, False)
    },
    "territory of no strength": lambda: territory(strength=0),
    "territory of strength -2^31": lambda: territory(strength=INT32_MIN, decay=-1),
    "territory decay 0": lambda: territory(strength=2, decay=0),
    "territory decay -2^31": lambda: territory(strength=3, decay=INT32_MIN),
    "periodic start 0": lambda: ticking(every(start_on=0)),
    "event priorities at both ends": lambda: storm(priority=INT32_MIN),
    "event max_targets -2^31": lambda: storm(max_targets=INT32_MIN),
    "an event whose key is empty": lambda: small(
        config(1, tags=["ghost"], events={"": EventConfig(target_query="ghost", timesteps=[1])})
    ),
    "event max_targets 0": lambda: storm(max_targets=0),
    "agents that should hide what is behind them": opaque_agents,
    "negative teams": lambda: small(
        config(3, agents=[behind(AgentConfig(), team_id=team) for team in (-1, -1, INT32_MIN)]),
        [["agent.team_-1", "agent.group_0", "agent.group_1"]],
    ),
    "the largest and the smallest of nothing": lambda: small(
        config(1, obs=observing(obs={"max": behind(MaxGameValue(values=[ONE]), values=[]), "one": ONE}))
    ),
    "no areas, controls or removal handlers": lambda: small(
        config(1, agent=behind(AgentConfig(), aoes=None, territory_controls=None, on_tag_remove=None))
    ),
    **{
        f"aim at a distance of {distance}": lambda d=distance: aimed(d)
        for distance in (0, 2**16, INT32_MAX, 2**31, 2**32 - 1)
    },
    "resources of one name": twice_named,
    "an initial statistic that reads as a number": lambda: small(
        config(1, agent=behind(AgentConfig(), initial_stats={"x": "7", "y": 2}))
    ),
    "costs of 2^16-1": lambda: costly("move", consumed_resources={"ore": 65535}),
    "attacks at both ends": lambda: costly(
        "attack",
        vibe_bonus={"default": INT32_MIN},
        success=AttackOutcome(actor_inv_delta={"ore": INT32_MAX}, target_inv_delta={"ore": INT32_MIN}),
    ),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_numbers_at_the_ends_of_their_types_mean_the_same(oracle: Oracle, name: str) -> None:
    report = oracle.call(compare_case, EXTREMES[name]())
    assert isinstance(report, Report), report
    assert report.mismatch is None, str(report)
    assert report.failure is None, str(report)

"""Where the published engine crashes or corrupts its memory, ours refuses or goes on in good order (docs/parity.md)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from mettagrid.config.event_config import EventConfig
from mettagrid.config.filter import PeriodicFilter, query
from mettagrid.config.game_value import StatValue, SumGameValue
from mettagrid.config.handler_config import AOEConfig, Handler
from mettagrid.config.mettagrid_config import AgentConfig, GridObjectConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    ClearInventoryMutation,
    EntityTarget,
    QueryInventoryMutation,
    RemoveTagMutation,
    RemoveTagsWithPrefixMutation,
    ResourceDeltaMutation,
    ResourceTransferMutation,
    SetGameValueMutation,
    SetRelativeTargetMutation,
    SpawnObjectMutation,
    UseTargetMutation,
    updateActor,
    updateTarget,
)

from metta_puffer.engine import UnsupportedGame
from tests.parity.case import Case
from tests.parity.engines import open_native, open_published
from tests.parity.lockstep import Progress
from tests.parity.processes import ROOT, Died, Oracle
from tests.parity.zoo.base import case, config, const, observing

ACTOR, TARGET = EntityTarget.ACTOR, EntityTarget.TARGET
PAGE = ROOT / "docs" / "parity.md"
BAG = InventoryConfig(limits={"bag": {"base": 9, "resources": ["ore"]}}, initial={"ore": 2})


def game_tick(*mutations: Any) -> Case:
    """At game level both entities are none."""
    cfg = config(2, on_tick=Handler(mutations=list(mutations)), agent=AgentConfig(inventory=BAG))
    return case(cfg, ["@.@"], env_steps=4)


def agent_tick(*mutations: Any, **fields: Any) -> Case:
    cfg = config(2, agent=AgentConfig(on_tick=Handler(mutations=list(mutations)), **fields))
    return case(cfg, ["@.@"], env_steps=4)


def removal_inside_an_area(*, static: bool) -> Case:
    give = ResourceTransferMutation(
        from_target=ACTOR, to_target=TARGET, resources={"ore": 1}, remove_source_when_empty=True
    )
    aoes = {
        "give": AOEConfig(radius=2, is_static=static, mutations=[give]),
        "warm": AOEConfig(
            radius=2, is_static=static, presence_deltas={"gold": 1}, mutations=[updateTarget({"heart": 1})]
        ),
    }
    well = GridObjectConfig(name="well", inventory=InventoryConfig(initial={"ore": 3}), aoes=aoes)
    return case(config(2, objects={"well": well}), ["w.@w", "..w.", "@w.."], {"w": "well"}, env_steps=30)


def lopsided_sum() -> Case:
    cfg = config(1)
    cfg.game.obs.global_obs.obs["sum"] = SumGameValue(values=[const(1)]).model_copy(update={"weights": [1.0, 2.0]})
    return case(cfg, ["@.."])


# What the published engine does by crashing is shown by a crash; the rest corrupts memory, which shows only sometimes.
MISSING_ENTITY = {
    "resource_delta": game_tick(updateActor({"ore": 1})),
    "resource_transfer": game_tick(ResourceTransferMutation(from_target=ACTOR, to_target=TARGET, resources={"ore": 1})),
    "clear_inventory": game_tick(ClearInventoryMutation(target=TARGET, limit_name="bag")),
    "remove_tags_with_prefix": game_tick(RemoveTagsWithPrefixMutation(prefix="type")),
    "query_inventory": game_tick(QueryInventoryMutation(query=query("type:agent"), deltas={"ore": 1}, source=ACTOR)),
}
ENDLESS = {
    "use inside a use": agent_tick(UseTargetMutation(), on_use_handler=Handler(mutations=[UseTargetMutation()])),
    "removal handler that removes its own tag": agent_tick(
        RemoveTagMutation(tag="x"),
        tags=["x"],
        on_tag_remove={"x": Handler(mutations=[AddTagMutation(tag="x"), RemoveTagMutation(tag="x")])},
    ),
    "events that fall back on each other": case(
        config(
            2,
            tags=["ghost"],
            events={
                "a": EventConfig(target_query="ghost", timesteps=[2], fallback="b"),
                "b": EventConfig(target_query="ghost", fallback="a"),
            },
        ),
        ["@.@"],
        env_steps=4,
    ),
}
LIMITS = {f"limit{i}": {"resources": ["ore"], "base": 3} for i in range(255)}
NEVER = PeriodicFilter(period=1).model_copy(update={"period": 0})
REFUSED: dict[str, tuple[Case, str]] = {
    "even width": (case(config(2, obs=observing(8, 7)), ["@.@"]), "game.obs.width"),
    "even height": (case(config(2, obs=observing(7, 4)), ["@.@"]), "game.obs.height"),
    "no width": (case(config(2, obs=observing(0, 5)), ["@.@"]), "game.obs.width"),
    "period of zero": (
        case(config(2, agent=AgentConfig(on_tick=Handler(filters=[NEVER]))), ["@.@"]),
        "game.agent.on_tick.filters[0].period",
    ),
    "weights that do not match": (lopsided_sum(), "game.obs.global_obs.obs.sum.weights"),
    "255 limits": (
        case(config(1, resource_names=["ore"], agent=AgentConfig(inventory=InventoryConfig(limits=LIMITS))), ["@"]),
        "game.agent.inventory.limits",
    ),
    "an observed value that turns territory on": (
        case(config(1, obs=observing(obs={"territory:here": const(1)})), ["@"]),
        "game.obs.global_obs.obs",
    ),
    "no filter": (
        case(config(1, agent=AgentConfig(on_tick=Handler().model_copy(update={"filters": [None]}))), ["@"]),
        "game.agent.on_tick.filters[0]",
    ),
    "no mutation": (
        case(config(1, agent=AgentConfig(on_tick=Handler().model_copy(update={"mutations": [None]}))), ["@"]),
        "game.agent.on_tick.mutations[0]",
    ),
}


def play(case: Case, engine: str, progress: Progress) -> str:
    """'ran', or the class and text of what was raised and when."""
    when = "construction"
    try:
        world = (open_published if engine == "published" else open_native)(case)
        for index in range(case.env_steps):
            when = f"step {index + 1}"
            progress(when)
            world.step(case.actions[index], None)
    except Exception as error:
        return f"{when}: {type(error).__name__}: {error}"
    return "ran"


@pytest.mark.parametrize("mutation", MISSING_ENTITY)
def test_a_mutation_on_a_missing_entity_is_an_error(oracle: Oracle, mutation: str) -> None:
    crash = oracle.call(play, MISSING_ENTITY[mutation], "published")
    assert isinstance(crash, Died)
    assert crash.stage == "step 1"
    outcome = oracle.call(play, MISSING_ENTITY[mutation], "native")
    assert outcome.startswith("step 1: RuntimeError: ")
    assert mutation in outcome


def test_an_empty_cell_aimed_at_is_a_missing_entity(oracle: Oracle) -> None:
    aim = SetRelativeTargetMutation(direction="east")
    tick = Handler(mutations=[aim, ResourceDeltaMutation(target=TARGET, deltas={"ore": 1})])
    aimed = case(config(1, agent=AgentConfig(on_tick=tick)), ["@.."], scripts=["...."], env_steps=4)
    assert isinstance(oracle.call(play, aimed, "published"), Died)
    assert "resource_delta" in oracle.call(play, aimed, "native")


@pytest.mark.parametrize("name", ENDLESS)
def test_recursion_without_end_is_an_error(oracle: Oracle, name: str) -> None:
    assert isinstance(oracle.call(play, ENDLESS[name], "published"), Died)
    outcome = oracle.call(play, ENDLESS[name], "native")
    assert "RuntimeError" in outcome
    assert "without end" in outcome


@pytest.mark.parametrize("name", REFUSED)
def test_what_ours_alone_refuses(name: str) -> None:
    refused, path = REFUSED[name]
    with pytest.raises(UnsupportedGame, match=re.escape(path)):
        open_native(refused)


@pytest.mark.parametrize("static", [True, False])
def test_a_source_removed_by_its_own_area_is_gone_in_good_order(oracle: Oracle, static: bool) -> None:
    made = removal_inside_an_area(static=static)
    assert isinstance(oracle.call(play, made, "published"), Died)
    assert oracle.call(play, made, "native") == "ran"


def test_a_period_of_zero_crashes_the_published_engine(oracle: Oracle) -> None:
    assert isinstance(oracle.call(play, REFUSED["period of zero"][0], "published"), Died)


def test_a_nameless_statistic_of_a_tracker_without_any_is_an_error(oracle: Oracle) -> None:
    """The published engine reads what lies behind the end of an array, which shows only sometimes."""
    change = SetGameValueMutation(target=TARGET, value=StatValue(name=""), delta=1)
    spawner = AgentConfig(on_tick=Handler(mutations=[SpawnObjectMutation(object_type="agent.agent"), change]))
    outcome = oracle.call(play, case(config(1, agent=spawner), ["..", ".@"], env_steps=2), "native")
    assert outcome.startswith("step 1: RuntimeError: ")
    assert "without a name" in outcome


def overflow_then_step(progress: Progress) -> list[str]:
    """Texts of what two steps after an overflow raise."""
    agent = AgentConfig(on_tick=Handler(mutations=[updateActor({"ore": 1, "gold": 130})]))
    world = open_native(case(config(2, agent=agent, obs=observing(3, 3, 12)), ["@..", "..@"]))
    texts = []
    for _ in range(2):
        try:
            world.step(case(config(2), ["@.@"]).actions[0], None)
        except RuntimeError as error:
            texts.append(str(error))
    return texts


def test_a_world_stands_still_after_a_token_overflow(oracle: Oracle) -> None:
    first, second = oracle.call(overflow_then_step)
    assert "budget exceeded" in first
    assert "stopped" in second


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([], ValueError),
        ([[]], ValueError),
        ([["agent.agent"], [".", "."]], ValueError),
        ([["agent.agent", *["."] * 65535]], ValueError),
    ],
)
def test_maps_that_are_no_rectangle_or_too_large_are_refused(rows: list[list[str]], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"map"):
        open_native(case(config(1), rows))


SECTIONS: list[tuple[str, Callable[..., None]]] = [
    ("missing entity", test_a_mutation_on_a_missing_entity_is_an_error),
    ("without end", test_recursion_without_end_is_an_error),
    ("Even window sizes", test_what_ours_alone_refuses),
    ("while areas are walked", test_a_source_removed_by_its_own_area_is_gone_in_good_order),
    ("period of 0", test_a_period_of_zero_crashes_the_published_engine),
    ("statistic without a name", test_a_nameless_statistic_of_a_tracker_without_any_is_an_error),
    ("after a token overflow", test_a_world_stands_still_after_a_token_overflow),
    ("no rectangle", test_maps_that_are_no_rectangle_or_too_large_are_refused),
]


@pytest.mark.parametrize(("words", "test"), SECTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_page_lists_each_trap_with_its_test(words: str, test: Callable[..., None]) -> None:
    page = PAGE.read_text()
    assert words in page
    assert test.__name__ in page

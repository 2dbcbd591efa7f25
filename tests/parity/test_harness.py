"""The harness itself: it sees every planted difference, survives crashes, and reads back what it writes."""

import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metta_puffer.engine.published import PublishedWorld
from metta_puffer.engine.world import World
from tests.parity.case import Case
from tests.parity.engines import open_published
from tests.parity.lockstep import Progress, Report, run_lockstep
from tests.parity.processes import Died, Oracle
from tests.parity.zoo import WORLDS


class Mutant(PublishedWorld):
    """The published world with one thing changed from env step 5 on."""

    def __init__(self, case: Case, plant: Callable[["Mutant"], None]) -> None:
        super().__init__(case.config, case.grid, case.seed)
        self.plant, self.env_step = plant, 0
        self.stats: Callable[[dict[str, Any]], None] = lambda stats: None
        self.objects: Callable[[dict[int, Any]], None] = lambda objects: None

    def step(self, actions: np.ndarray, vibe_actions: np.ndarray | None = None) -> None:
        super().step(actions, vibe_actions)
        self.env_step += 1
        if self.env_step == 5:
            self.plant(self)

    def episode_stats(self) -> dict[str, Any]:
        stats = super().episode_stats()
        self.stats(stats)
        return stats

    def grid_objects(self) -> dict[int, dict[str, Any]]:
        objects = super().grid_objects()
        self.objects(objects)
        return objects


def one_value_byte(world: Mutant) -> None:
    world.observations[1, 3, 2] ^= 1


def padding(world: Mutant) -> None:
    world.observations[0, -1, 0] = 0


def last_bit_of_a_reward(world: Mutant) -> None:
    world.rewards.view(np.uint32)[0] ^= 1


def sign_of_a_zero_reward(world: Mutant) -> None:
    world.rewards[:] = -0.0


def terminal(world: Mutant) -> None:
    world.terminals[1] = True


def truncation(world: Mutant) -> None:
    world.truncations[0] = True


def success(world: Mutant) -> None:
    world.action_success[0] ^= True


def agent_stat(world: Mutant) -> None:
    def change(stats: dict[str, Any]) -> None:
        name = "cell.unique_visited"
        stats["agent"][1][name] = float(np.nextafter(np.float32(stats["agent"][1][name]), np.float32(9)))

    world.stats = change


def sign_of_a_zero_stat(world: Mutant) -> None:
    world.stats = lambda stats: stats["game"].__setitem__("tokens_dropped", -0.0)


def absent_stat(world: Mutant) -> None:
    world.stats = lambda stats: stats["game"].pop("tokens_dropped")


def an_object(world: Mutant) -> None:
    world.objects = lambda objects: objects[1].__setitem__("tag_ids", [0])


def an_error(world: Mutant) -> None:
    raise RuntimeError("Observation token budget exceeded for agent 0 at step 5")


PLANTS = {
    one_value_byte: "observations differ",
    padding: "observations differ",
    last_bit_of_a_reward: "rewards differ",
    sign_of_a_zero_reward: "rewards differ",
    terminal: "terminals differ",
    truncation: "truncations differ",
    success: "action_success differ",
    agent_stat: "episode_stats differ",
    sign_of_a_zero_stat: "episode_stats differ",
    absent_stat: "episode_stats differ",
    an_object: "grid_objects differ",
    an_error: "errors differ",
}


def compare_with_mutant(name: str, plant: str, progress: Progress) -> Report:
    case = WORLDS[name]()
    chosen = next(function for function in PLANTS if function.__name__ == plant)

    def open_mutant(case: Case) -> World:
        return Mutant(case, chosen)

    return run_lockstep(case, open_published, open_mutant, progress)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_difference_is_found_where_it_is(oracle: Oracle, plant: Callable[[Mutant], None]) -> None:
    report = oracle.call(compare_with_mutant, "actions.four_directions", plant.__name__)
    assert report.mismatch == PLANTS[plant]
    assert report.env_step == (8 if plant is an_object else 5)
    assert report.details


def test_a_report_names_step_agent_token_and_feature(oracle: Oracle) -> None:
    report = oracle.call(compare_with_mutant, "actions.four_directions", "one_value_byte")
    assert "env step 5" in str(report)
    assert "agent 1, token 3" in str(report)
    marked = next(line for line in str(report).splitlines() if line.lstrip().startswith(">"))
    left, right = marked.split()[3:5], marked.split()[5:]
    assert left != right
    assert "=" in marked


def raise_on_both(progress: Progress) -> list[str | None]:
    def failing(text: str, error: type[Exception]) -> Callable[[Case], World]:
        def build(case: Case) -> World:
            raise error(text)

        return build

    case = WORLDS["actions.crowd"]()
    full = "budget exceeded for agent 1 at step 2 (location=3,4, budget=5, attempted={}, dropped=1)"
    pairs = [
        (failing(full.format(6), RuntimeError), failing("other words: token " + full.format(6), RuntimeError)),
        (failing(full.format(6), RuntimeError), failing(full.format(7), RuntimeError)),
        (failing("a", KeyError), failing("a", ValueError)),
        (failing("a", LookupError), failing("a", KeyError)),
        (failing("Unknown object type: cat", RuntimeError), failing("Unknown object type 'dog'", RuntimeError)),
    ]
    return [run_lockstep(case, left, right).mismatch for left, right in pairs]


def test_errors_agree_in_kind_and_facts_not_in_words(oracle: Oracle) -> None:
    assert oracle.call(raise_on_both) == [None, "errors differ", "errors differ", None, "errors differ"]


def die(progress: Progress) -> None:
    progress("dying")
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(progress: Progress) -> None:
    progress("hanging")
    time.sleep(60)


def leave(progress: Progress) -> None:
    progress("leaving")
    os._exit(66)


def fail(progress: Progress) -> None:
    raise ZeroDivisionError("in the test code")


def test_a_crash_a_hang_and_an_error_of_the_harness_are_told_apart(oracle: Oracle) -> None:
    assert oracle.call(die) == Died(signal.SIGSEGV, "dying")
    assert oracle.call(hang, limit_seconds=0.2) == Died(0, "hanging")
    assert str(oracle.call(leave)) == "process died (exit status 66) during 'leaving'"
    with pytest.raises(RuntimeError, match="ZeroDivisionError: in the test code"):
        oracle.call(fail)
    assert oracle.call(raise_on_both)


@pytest.mark.parametrize("name", ["values.ratios_and_bounds", "construction.built_by_the_map_builder"])
def test_a_case_is_read_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    case = WORLDS[name]()
    case.save(tmp_path / "case.json")
    again = Case.load(tmp_path / "case.json")
    assert again.config == case.config
    assert json.dumps(again.to_json()) == json.dumps(case.to_json())
    assert all(
        np.array_equal(getattr(again, field.name), getattr(case, field.name))
        for field in dataclasses.fields(Case)
        if field.name.endswith("actions")
    )

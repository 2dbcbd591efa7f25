"""Shrinking keeps what matters and drops the rest."""

from mettagrid.config.mutation import SpawnObjectMutation, SwapMutation

from tests.parity.case import Case
from tests.parity.generator import generate
from tests.parity.shrink import shrink
from tests.parity.trees import to_tree


def spawns(case: Case) -> bool:
    return "SpawnObjectMutation" in str(to_tree(case.config)) and case.env_steps >= 3 and bool(case.actions.any())


def test_what_the_condition_needs_is_left() -> None:
    seed = next(seed for seed in range(100) if spawns(generate(seed, 400)))
    large = generate(seed, 400)
    small = shrink(large, spawns, tries=400)
    assert spawns(small)
    assert len(str(to_tree(small.config))) < 0.5 * len(str(to_tree(large.config)))
    assert small.env_steps == 3
    assert small.config.game.num_agents == 1
    assert small.actions.shape == (3, 1)
    assert sum(cell.startswith("agent.") for row in small.grid or [] for cell in row) == 1


def test_a_case_that_cannot_be_made_smaller_is_returned() -> None:
    case = generate(1, 200)
    assert shrink(case, lambda candidate: candidate is case, tries=50) is case


def test_mutations_are_told_apart_by_class() -> None:
    assert to_tree(SwapMutation()) == {"$": "SwapMutation"}
    assert to_tree(SpawnObjectMutation(object_type="x")) == {"$": "SpawnObjectMutation", "object_type": "x"}

"""A slice of the long run, and every world that ever differed."""

from pathlib import Path

import pytest

from tests.parity.case import Case
from tests.parity.engines import compare_case
from tests.parity.generator import generate
from tests.parity.lockstep import Report
from tests.parity.long import REGRESSIONS, compare_generated
from tests.parity.processes import Died, Oracle, map_cases
from tests.parity.trees import to_tree

# Not a seed of the long run, so that the slice adds to it.
FIRST_SEED = 700_000_000
GAMES = 240
AGENT_STEPS = 800
WORKERS = 2


def test_generated_games_agree() -> None:
    seeds = ((FIRST_SEED + index, AGENT_STEPS) for index in range(GAMES))
    bad, agent_steps = [], 0
    for (seed, _), result in map_cases(compare_generated, seeds, WORKERS):
        if isinstance(result, Died) or result.mismatch:
            bad.append(f"seed {seed}: {result}")
        else:
            agent_steps += result.agent_steps
    assert not bad, "\n".join(bad)
    # Few games may end early in an error: otherwise the slice would prove little.
    assert agent_steps > 0.9 * GAMES * AGENT_STEPS


@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*.json")), ids=lambda path: path.stem)
def test_a_world_that_once_differed_agrees(oracle: Oracle, path: Path) -> None:
    report = oracle.call(compare_case, Case.load(path))
    assert isinstance(report, Report), report
    assert report.mismatch is None, str(report)


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_always_gives_the_same_case(seed: int) -> None:
    assert generate(seed, 200).to_json() == generate(seed, 200).to_json()
    assert to_tree(generate(seed, 200).config) != to_tree(generate(seed + 1, 200).config)

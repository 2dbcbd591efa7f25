"""Statistics that the engine itself keeps, overwritten by a rule in every step: each goes on from what it finds."""

import pytest
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import AgentConfig
from mettagrid.config.mutation import StatsMutation

from tests.parity.engines import compare_case
from tests.parity.lockstep import Report
from tests.parity.processes import Oracle
from tests.parity.zoo.base import case, config, const

ROWS = [
    "#########",
    "#@......#",
    "#.......#",
    "#......@#",
    "#########",
]
# Away, still, back and still: what grows only with motion stands still for long.
SCRIPTS = ("eee......www......", "..www.....ee....w.")


@pytest.mark.parametrize("value", [-7.0, -0.0, 0.5, 2.0, 16777216.0, 1e30])
@pytest.mark.parametrize(
    "stat",
    [
        "cell.max_distance_from_spawn",
        "cell.unique_visited",
        "cell.visited",
        "status.max_steps_without_motion",
        "action.move.success",
        "action.failed",
    ],
)
def test_an_overwritten_statistic_goes_on_as_the_published_one(oracle: Oracle, stat: str, value: float) -> None:
    overwrite = StatsMutation(stat=stat, target="agent", entity="actor", source=const(value))
    game = config(2, agent=AgentConfig(on_tick=Handler(mutations=[overwrite])))
    report = oracle.call(compare_case, case(game, ROWS, scripts=SCRIPTS, env_steps=40))
    assert isinstance(report, Report) and report.mismatch is None, report

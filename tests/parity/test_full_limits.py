"""A limit that several resources share counts in 16 bits; initial amounts, which no limit holds back, may pass them."""

import pytest
from mettagrid.config.handler_config import FirstMatch, Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import updateActor

from tests.parity.case import Case
from tests.parity.engines import compare_case
from tests.parity.lockstep import Report
from tests.parity.processes import Oracle
from tests.parity.zoo.base import case, config


def overfull(ore: int, gold: int, delta: int) -> Case:
    """Both initial amounts stand in one limit, and one of them changes at every tick."""
    bag = InventoryConfig(
        limits={"bag": {"base": 65535, "resources": ["ore", "gold"]}}, initial={"ore": ore, "gold": gold}
    )
    tick = FirstMatch(handlers=[Handler(mutations=[updateActor({"ore": delta})])])
    return case(config(1, agent=AgentConfig(inventory=bag, on_tick=tick)), ["@.."], env_steps=12)


@pytest.mark.parametrize("delta", [5000, -7000])
@pytest.mark.parametrize(("ore", "gold"), [(40000, 40000), (65535, 65535), (65535, 1), (30000, 40000)])
def test_a_shared_limits_counter_wraps_as_the_wheels(oracle: Oracle, ore: int, gold: int, delta: int) -> None:
    report = oracle.call(compare_case, overfull(ore, gold, delta))
    assert isinstance(report, Report) and report.mismatch is None, report

"""Every zoo world on both engines, and the table of what the zoo shows."""

import pytest

from tests.parity.engines import compare_case
from tests.parity.features import PAGE, Finding, page, survey
from tests.parity.lockstep import Report
from tests.parity.processes import Oracle
from tests.parity.zoo import WORLDS


@pytest.mark.parametrize("name", WORLDS)
def test_the_engines_agree(oracle: Oracle, name: str) -> None:
    report = oracle.call(compare_case, WORLDS[name]())
    assert isinstance(report, Report), report
    assert report.mismatch is None, str(report)
    assert (report.failure is not None) == name.startswith("errors."), str(report)


@pytest.fixture(scope="module")
def findings(oracle: Oracle) -> list[Finding]:
    return survey(oracle)


def test_every_feature_of_the_config_language_is_shown(findings: list[Finding]) -> None:
    assert [f"{finding.row.name}: {finding.complaint}" for finding in findings if finding.complaint] == []


def test_the_table_in_the_docs_is_up_to_date(findings: list[Finding]) -> None:
    assert PAGE.read_text() == page(findings), "run python -m tests.parity.features"

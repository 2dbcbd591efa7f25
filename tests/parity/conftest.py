"""A fork server for the parity tests: one for the session, started on first use."""

from collections.abc import Iterator

import pytest

from tests.parity.processes import Oracle


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    server = Oracle()
    yield server
    server.close()

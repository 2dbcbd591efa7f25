"""How a case is opened on each engine, and the calls that the fork server makes."""

from metta_puffer.engine import open_world
from metta_puffer.engine.world import World
from tests.parity.case import Case
from tests.parity.lockstep import Progress, Report, run_lockstep


def open_published(case: Case) -> World:
    return open_world(case.config, grid=case.grid, seed=case.seed, engine="published")


def open_native(case: Case) -> World:
    return open_world(case.config, grid=case.grid, seed=case.seed, engine="native")


def compare_case(case: Case, progress: Progress) -> Report:
    """Published against native, in the process that calls."""
    return run_lockstep(case, open_published, open_native, progress)


def compare_published_with_itself(case: Case, progress: Progress) -> Report:
    return run_lockstep(case, open_published, open_published, progress)

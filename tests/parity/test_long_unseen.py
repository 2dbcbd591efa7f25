"""Objects that nobody sees for tens of thousands of env steps: the engine keeps the last sight in two bytes a cell.

`cell.visited` credits the whole age, however long it is. Two bytes count 65,535 steps, and every 32,767 of them they
begin anew, so that the waits below end on either side of both.
"""

from tests.parity.case import Case
from tests.parity.engines import open_native, open_published
from tests.parity.lockstep import Progress
from tests.parity.processes import Oracle
from tests.parity.zoo.base import case, config, observing, scripted

# Two corridors; each agent sees three cells either way, and nobody sees what it leaves behind.
ROWS = [
    "##############",
    "#@.....#.....#",
    "##############",
    "#@...........#",
    "##############",
]
WAITS_ENV_STEPS = [100, 32_000, 33_500, 65_400, 65_600, 70_000, 5, 140_000, 0]


def trips() -> Case:
    """There, a wait, back, a wait: the first agent over five cells, the second over eleven."""
    cfg = config(2, max_steps=0, obs=observing(3, 3))
    return case(cfg, ROWS, env_steps=1)


def visited_after_each_trip(case: Case, engine: str, progress: Progress) -> list[list[float]]:
    world = (open_published if engine == "published" else open_native)(case)
    credited = []
    for trip, wait in enumerate(WAITS_ENV_STEPS):
        way = "we"[trip % 2 == 0] * 11
        for step in scripted(case.config, way, way):
            world.step(step, None)
        stats = world.episode_stats()["agent"]
        credited.append([agent["cell.visited"] for agent in stats])
        still = scripted(case.config, ".", ".")[0]
        for _ in range(wait):
            world.step(still, None)
    return credited


def test_the_age_of_what_was_not_seen_for_long_is_the_published_one(oracle: Oracle) -> None:
    published = oracle.call(visited_after_each_trip, trips(), "published")
    native = oracle.call(visited_after_each_trip, trips(), "native")
    assert published == native
    walker = [credited[1] for credited in native]
    for wait, before, after in zip(WAITS_ENV_STEPS, walker, walker[1:], strict=False):
        assert after - before > 10 * wait, "each trip comes back to more than ten objects that waited"

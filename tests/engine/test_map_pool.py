"""When maps are built, and what becomes of those that nobody takes."""

from concurrent.futures import wait
from typing import Any

import pytest

from metta_puffer.engine.map_pool import MapPool, Maps, QuickMaps


class Builder:
    """A map is its seed. `broken` seeds cannot be built."""

    def __init__(self, *broken: int) -> None:
        self.built: list[int] = []
        self.broken = broken

    def __call__(self, seed: int) -> str:
        self.built.append(seed)
        if seed in self.broken:
            raise ValueError(f"seed {seed}")
        return f"map {seed}"


def test_requested_maps_are_built_together() -> None:
    build = Builder()
    maps = QuickMaps(build, size=0, at_once=3)
    for seed in (5, 6, 5):
        maps.request(seed)
    assert not build.built and not maps.any_ready() and not maps.is_ready(5)
    maps.request(7)
    assert build.built == [5, 6, 7]
    assert maps.any_ready() and all(maps.is_ready(seed) for seed in (5, 6, 7))
    assert [maps.take(seed) for seed in (7, 5, 6)] == ["map 7", "map 5", "map 6"]
    assert not maps.any_ready()


def test_a_map_that_is_needed_before_is_built_alone_and_not_again() -> None:
    build = Builder()
    maps = QuickMaps(build, size=0, at_once=2)
    maps.request(1)
    assert maps.take(1) == "map 1"
    maps.request(2)
    assert build.built == [1]
    maps.request(3)
    assert build.built == [1, 2, 3]


def test_a_map_that_cannot_be_built_is_told_when_it_is_taken() -> None:
    maps = QuickMaps(Builder(2), size=0, at_once=3)
    for seed in (1, 2, 3):
        maps.request(seed)
    assert maps.take(1) == "map 1" and maps.take(3) == "map 3"
    assert not maps.is_ready(2)
    with pytest.raises(ValueError, match="seed 2"):
        maps.take(2)


@pytest.mark.parametrize("kind", [QuickMaps, MapPool])
def test_a_pool_builds_each_of_its_maps_once(kind: Any) -> None:
    build = Builder()
    maps: Maps = kind(build, 2) if kind is MapPool else kind(build, 2, at_once=3)
    assert [maps.take(seed) for seed in (4, 5, 6, 7)] == ["map 0", "map 1", "map 0", "map 1"]
    maps.request(8)
    maps.forget(8)
    assert maps.take(8) == "map 0"
    assert build.built == [0, 1]
    maps.close()


def test_forgotten_maps_are_not_kept() -> None:
    build = Builder()
    maps = QuickMaps(build, size=0, at_once=2)
    maps.request(1)
    maps.forget(1)
    maps.request(2)
    assert not build.built
    maps.request(3)
    maps.forget(3)
    assert maps.is_ready(2) and not maps.is_ready(3)

    pool = MapPool(build, 0)
    pool.request(9)
    wait(list(pool._maps.values()))
    pool.forget(9)
    assert not pool.any_ready() and not pool.is_ready(9)
    pool.close()

"""When maps are built, and what becomes of those that nobody takes."""

from concurrent.futures import wait

import pytest

from metta_puffer.engine.map_pool import MapPool


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


def test_a_map_that_cannot_be_built_is_told_when_it_is_taken() -> None:
    maps = MapPool(Builder(2), 0)
    for seed in (1, 2, 3):
        maps.request(seed)
    assert maps.take(1) == "map 1" and maps.take(3) == "map 3"
    with pytest.raises(ValueError, match="seed 2"):
        maps.take(2)
    maps.close()


def test_a_pool_builds_each_of_its_maps_once() -> None:
    build = Builder()
    maps = MapPool(build, 2)
    assert [maps.take(seed) for seed in (4, 5, 6, 7)] == ["map 0", "map 1", "map 0", "map 1"]
    maps.request(8)
    maps.forget(8)
    assert maps.take(8) == "map 0"
    assert build.built == [0, 1]
    maps.close()


def test_forgotten_maps_are_not_kept() -> None:
    maps = MapPool(Builder(), 0)
    maps.request(9)
    wait(list(maps._maps.values()))
    maps.forget(9)
    assert not maps.any_ready() and not maps.is_ready(9)
    maps.close()

"""Maps from seeds, whatever builder makes them."""

import numpy as np
import pytest
from mettagrid.builder.envs import make_assembly_lines
from mettagrid.config.mettagrid_config import GameConfig, GridObjectConfig, MettaGridConfig
from mettagrid.map_builder.random_map import RandomMapBuilderConfig
from mettagrid.mapgen.mapgen import MapGenConfig

from metta_puffer import MettaPufferEnv
from metta_puffer.engine.maps import build_grid


def scattered(seed: int | None = None) -> RandomMapBuilderConfig:
    return RandomMapBuilderConfig(agents=1, width=9, height=9, objects={"wall": 9}, seed=seed)


def wrapped(instance: RandomMapBuilderConfig | MapGenConfig, instances: int) -> MettaGridConfig:
    builder = MapGenConfig(instance=instance, instances=instances, border_width=0, instance_border_width=0)
    return MettaGridConfig(game=GameConfig(num_agents=instances, map_builder=builder))


@pytest.mark.parametrize("instance", [scattered(), MapGenConfig(instance=scattered(), border_width=0)], ids=["1", "2"])
def test_a_builder_inside_mapgen_follows_the_seed(instance: RandomMapBuilderConfig | MapGenConfig) -> None:
    config = wrapped(instance, 2)
    before = config.model_dump_json()
    first, again, other = (build_grid(config, seed) for seed in (3, 3, 4))
    assert first == again != other
    upper, lower = np.split(np.array(first), 2)
    assert (upper != lower).any()  # each instance a map of its own
    assert config.model_dump_json() == before


def test_a_seed_of_its_own_stays() -> None:
    config = wrapped(scattered(5), 1)
    assert build_grid(config, 3) == build_grid(config, 4)


def test_episodes_of_the_assembly_lines_repeat() -> None:
    maker = GridObjectConfig(name="maker")
    config = make_assembly_lines(2, 4, {"maker": maker}, {"maker": 3}, width=12, height=12)

    def play() -> list[bytes]:
        env = MettaPufferEnv(config, num_worlds=2, seed=3)
        env.reset()
        seen = []
        for _ in range(9):
            seen.append(env.step(np.ones(4, np.int32))[0].tobytes())
        env.close()
        return seen

    first = play()
    assert first == play() and first[0] != first[4]

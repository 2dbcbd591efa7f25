"""A step asks for no memory once an episode like it has been played, episode turnover included."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mettagrid.config.mettagrid_config import MettaGridConfig

HERE = Path(__file__).parent

# Every episode is the same: same map, same seed, same actions. So what the first two ask for is all there is to ask.
PLAY = """
import ctypes, sys
import numpy as np
from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.native import NativeBatch
from tests.engine.test_allocations import game

count = ctypes.CDLL(sys.argv[1]).allocations_so_far
config, worlds = game(sys.argv[2]), 3
rows = worlds * config.game.num_agents
buffers = WorldBuffers.zeros(config, worlds)
batch = NativeBatch(config, worlds, buffers, map_pool=1)
for world in range(worlds):
    batch.begin_episode(world, 7, 0)
    batch.set_next_episode(world, 7, 0)
asked = []
for episode in range(4):
    rng = np.random.default_rng(0)
    before = count()
    for _ in range(config.game.max_steps):
        buffers.actions[:] = rng.integers(0, 5, rows)
        batch.step_async(0)
        batch.wait(0)
    asked.append(count() - before)
    assert len(batch.take_ended()) == worlds
    for world in range(worlds):
        batch.set_next_episode(world, 7, 0)
print(*asked)
"""


def game(name: str) -> MettaGridConfig:
    if name == "rules":
        from benchmarks.engine import busy_game

        config = busy_game()
    else:
        from metta_puffer.games import make_game

        config = make_game("arena")
    config.game.max_steps = 60
    return config


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "a C compiler, as the engine's own build needs one"
    library = tmp_path_factory.mktemp("counter") / "libcount.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / "count_allocations.c"], check=True, timeout=60
    )
    return library


@pytest.mark.parametrize("name", ["arena", "rules"])
def test_a_step_allocates_nothing_after_the_first_episodes(counter: Path, name: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PLAY, str(counter), name],
        env=os.environ | {"LD_PRELOAD": str(counter)},
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    first, _, third, fourth = (int(word) for word in result.stdout.split())
    assert first > 0  # the counter counts
    assert (third, fourth) == (0, 0)

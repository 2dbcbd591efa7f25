"""How long many native worlds take to begin and what they hold: `python -m benchmarks.world_memory [worlds]`.

Worlds of `builder.envs.make_arena` with 24 agents on a 37x37 map, 13x13 window, 500 tokens; maps are built before.
Printed: seconds until all worlds have begun, the most and the mean bytes a world holds beside the observations after 50
env steps of random actions, and by how much the process grew for each world, its observations counted apart.
"""

import resource
import sys
import time

import numpy as np
from mettagrid.builder.envs import make_arena

from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.native import NativeBatch

WORLDS, AGENTS, MAPS, ENV_STEPS = 4096, 24, 8, 50


def resident_bytes() -> int:
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize()


def main(worlds: int) -> None:
    config, rows = make_arena(AGENTS), worlds * AGENTS
    # Written to once, so that their pages are there before anything is measured.
    buffers = WorldBuffers(
        observations=np.full((rows, config.game.obs.num_tokens, 3), 255, dtype=np.uint8),
        rewards=np.full(rows, 0.0, dtype=np.float32),
        terminals=np.full(rows, False),
        truncations=np.full(rows, False),
        actions=np.full(rows, 0, dtype=np.int32),
        vibe_actions=np.full(rows, 0, dtype=np.int32),
    )
    batch = NativeBatch(config, worlds, buffers, map_pool=MAPS)
    for first in range(MAPS):  # each begins with a map of its own, which the pool then has
        batch.begin_episode(0, 0, first)
    before, start = resident_bytes(), time.perf_counter()
    for world in range(worlds):
        batch.begin_episode(world, world, world)
    seconds = time.perf_counter() - start
    rng = np.random.default_rng(0)
    for _ in range(ENV_STEPS):
        buffers.actions[:] = rng.integers(0, 5, rows)
        batch.step()
    held = [batch.world_bytes(world) for world in range(worlds)]
    grown = (resident_bytes() - before) / worlds
    print(
        f"{worlds:,} worlds begun in {seconds:.2f} s; bytes a world: at most {max(held):,}, {np.mean(held):,.0f} on "
        f"average, {grown:,.0f} of the process"
    )
    batch.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS)

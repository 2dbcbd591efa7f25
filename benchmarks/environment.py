"""Upstream's MettaGridPufferEnv and MettaPufferEnv on the same arena: `python -m benchmarks.environment [agents ...]`.

All run in this process with the same random actions, in turns, so that a busy machine slows all: upstream's, ours
on the native engine and ours on the published one. Printed for each number of agents: the median over the repeats
of agent-steps per second, and its ratio to upstream's.
"""

import statistics
import sys
import time
from typing import Any

import numpy as np

from metta_puffer import MettaPufferEnv
from metta_puffer.engine import ENGINES
from metta_puffer.games import make_game

REPEATS = 5
ENV_STEPS = 1000
AGENTS = [1, 6, 24, 64]


def agent_steps_per_second(env: Any, actions: np.ndarray) -> float:
    env.reset()
    start = time.perf_counter()
    for row in actions:
        env.step(row)
    return float(actions.size / (time.perf_counter() - start))


def compare(agents: int) -> None:
    from mettagrid.envs.mettagrid_puffer_env import MettaGridPufferEnv
    from mettagrid.simulator import Simulator

    envs = {
        "upstream": MettaGridPufferEnv(Simulator(), make_game("arena", agents), seed=0),
        **{engine: MettaPufferEnv("arena", agents, engine=engine) for engine in ENGINES},
    }
    actions = np.random.default_rng(0).integers(0, 5, (ENV_STEPS, agents)).astype(np.int32)
    speeds: dict[str, list[float]] = {name: [] for name in envs}
    for _ in range(REPEATS):
        for name, env in envs.items():
            speeds[name].append(agent_steps_per_second(env, actions))
    median = {name: statistics.median(values) for name, values in speeds.items()}
    upstream = median["upstream"]
    columns = "  ".join(f"{name} {speed:9,.0f} ({speed / upstream:.2f})" for name, speed in median.items())
    print(f"{agents:3d} agents  {columns}", flush=True)


if __name__ == "__main__":
    for count in [int(argument) for argument in sys.argv[1:]] or AGENTS:
        compare(count)

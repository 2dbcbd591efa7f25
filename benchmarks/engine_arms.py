"""What benchmarks/engine.py measures: an arm is one way to step a game, or to write as many bytes as its observations.

Every agent draws its own action in every env step, and the stream of actions goes on from one measurement to the next.
A short block of actions played again and again would drive the agents into corners, where they see more.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer import MettaPufferEnv
from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.native import NativeBatch
from metta_puffer.engine.published import PublishedWorld

CORES = os.cpu_count() or 1
MANY = 64
MAPS = 8  # that many worlds play, and one world over its episodes
WARM_UP_ENV_STEPS = 30  # an episode's first ones fill caches and pages; the tokens seen are the same from the first on
MEMORY_BYTES = 256 * 2**20  # more than any cache holds
Step = Callable[[np.ndarray], Any]  # takes an action for every row


@dataclass
class Arm:
    """`rows`: agents that each env step of `stepper` advances. `begin`: called before every measurement."""

    rows: int
    stepper: Callable[[int], None]  # env steps to run
    begin: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None
    observations: np.ndarray | None = None
    rates: list[float] = field(default_factory=list)  # agent-steps per second, one a repeat
    tokens: list[float] = field(default_factory=list)  # in an observation at the end of each repeat

    def measure(self, seconds: float) -> None:
        self.begin()
        env_steps = 1
        while True:
            start = time.perf_counter()
            self.stepper(env_steps)
            elapsed = time.perf_counter() - start
            if elapsed >= seconds:
                break
            env_steps = max(env_steps + 1, int(1.2 * env_steps * seconds / max(elapsed, 1e-4)))
        self.rates.append(env_steps * self.rows / elapsed)
        if self.observations is not None:
            self.tokens.append(float((self.observations[:, :, 0] != 255).sum(axis=1).mean()))


def random_actions(rows: int) -> Iterator[np.ndarray]:
    """Without end: each env step reads on from a random place of a long stream, which is quicker than drawing."""
    rng = np.random.default_rng(0)
    stream = rng.integers(0, 5, 2**20 + rows).astype(np.int32)
    for place in itertools.cycle(rng.integers(0, 2**20, 2**16).tolist()):
        yield stream[place : place + rows]


def stepper_of(step: Step, rows: int) -> Callable[[int], None]:
    actions = random_actions(rows)

    def run(env_steps: int) -> None:
        for chosen in itertools.islice(actions, env_steps):
            step(chosen)

    return run


# ---- the published engine ----


def upstream_env(config: MettaGridConfig, buf: Any = None, seed: int = 0) -> Any:
    from mettagrid.envs.mettagrid_puffer_env import MettaGridPufferEnv
    from mettagrid.simulator import Simulator

    return MettaGridPufferEnv(Simulator(), config.model_copy(deep=True), buf=buf, seed=seed)


def puffer_arm(config: MettaGridConfig) -> Arm:
    env = upstream_env(config, seed=1)
    env.reset()
    stepper = stepper_of(env.step, env.num_agents)
    stepper(WARM_UP_ENV_STEPS)
    return Arm(env.num_agents, stepper, close=env.close, observations=env.observations)


def published_arm(config: MettaGridConfig) -> Arm:
    world, rows = PublishedWorld(config, seed=1), config.game.num_agents
    simulation = world._simulation

    def step(chosen: np.ndarray) -> None:
        world._actions[:] = chosen
        simulation.step()

    stepper = stepper_of(step, rows)
    stepper(WARM_UP_ENV_STEPS)
    return Arm(rows, stepper, observations=world.observations)


def vector_arm(config: MettaGridConfig) -> Arm:
    import pufferlib.vector

    env = pufferlib.vector.make(
        upstream_env,
        env_kwargs={"config": config},
        backend=pufferlib.vector.Multiprocessing,
        num_envs=MANY,
        num_workers=CORES,
    )
    env.reset(seed=1)
    stepper = stepper_of(env.step, env.num_agents)
    stepper(WARM_UP_ENV_STEPS)
    return Arm(env.num_agents, stepper, close=env.close)


# ---- ours ----


def native_arm(config: MettaGridConfig, worlds: int, num_threads: int) -> Arm:
    """Every measurement begins new episodes: one world alone would reach ages that no episode does. From some 100,000
    env steps on their sums take longer, because they leave the whole numbers of float32.
    """
    buffers, batch = native_batch(config, worlds, num_threads, MAPS)
    seeds = itertools.count(1)

    def step(chosen: np.ndarray) -> None:
        buffers.actions[:] = chosen
        batch.step()

    stepper = stepper_of(step, len(buffers.actions))

    def begin() -> None:
        for world, seed in zip(range(worlds), seeds, strict=False):
            batch.begin_episode(world, seed, seed)
        stepper(WARM_UP_ENV_STEPS)

    begin()
    return Arm(len(buffers.actions), stepper, begin, batch.close, buffers.observations)


def env_arm(config: MettaGridConfig, worlds: int, num_threads: int) -> Arm:
    env = MettaPufferEnv(config, num_worlds=worlds, num_threads=num_threads, map_pool=MAPS)
    seeds = itertools.count(1)
    stepper = stepper_of(env.step, env.num_agents)

    def begin() -> None:
        env.reset(seed=next(seeds))
        stepper(WARM_UP_ENV_STEPS)

    begin()
    return Arm(env.num_agents, stepper, begin, env.close, env.observations)


def turnover_arm(config: MettaGridConfig, worlds: int, num_threads: int, env_steps: int, map_pool: int) -> Arm:
    """Episodes of `env_steps` (0: they never end), the worlds' first ends spread evenly."""
    config = config.model_copy(deep=True)
    config.game.max_steps = env_steps
    buffers, batch = native_batch(config, worlds, num_threads, map_pool)
    seeds = itertools.count(1)
    for world in range(worlds):
        seed = next(seeds)
        batch.begin_episode(world, seed, seed)
        if env_steps:
            seed = next(seeds)
            batch.set_next_episode(world, seed, seed)
            batch.end_early(world, 1 + world * env_steps // worlds)

    def step(chosen: np.ndarray) -> None:
        buffers.actions[:] = chosen
        batch.step()
        for ended in batch.take_ended():
            seed = next(seeds)
            batch.set_next_episode(ended.world, seed, seed)

    stepper = stepper_of(step, len(buffers.actions))
    # After the first episodes there are always as many worlds at one age as at any other.
    stepper(env_steps + WARM_UP_ENV_STEPS)
    return Arm(len(buffers.actions), stepper, close=batch.close, observations=buffers.observations)


def native_batch(
    config: MettaGridConfig, worlds: int, num_threads: int, map_pool: int
) -> tuple[WorldBuffers, NativeBatch]:
    buffers = WorldBuffers.zeros(config, worlds)
    return buffers, NativeBatch(config, worlds, buffers, num_threads, map_pool=map_pool)


# ---- memory alone ----


def rows_arm(config: MettaGridConfig, rows: int | None = None) -> Arm:
    """One call of numpy an env step, as ours is one call from Python. Of few rows the call is most of it."""
    observations = memory(config, rows)
    row = np.full(observations.shape[1:], 255, dtype=np.uint8)
    row[:40] = 1

    def copy(env_steps: int) -> None:
        for _ in range(env_steps):
            np.copyto(observations, row)

    return Arm(len(observations), copy)


def fill_arm(config: MettaGridConfig) -> Arm:
    observations = memory(config)

    def fill(env_steps: int) -> None:
        for _ in range(env_steps):
            observations.fill(255)

    return Arm(len(observations), fill)


def memory(config: MettaGridConfig, rows: int | None = None) -> np.ndarray:
    """MEMORY_BYTES when `rows` is None. Written to once, so that its pages are there."""
    tokens = config.game.obs.num_tokens
    return np.ones((MEMORY_BYTES // (tokens * 3) if rows is None else rows, tokens, 3), dtype=np.uint8)

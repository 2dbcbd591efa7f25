"""The published and the native engine side by side: `python -m benchmarks.engine [--repeats N] [--out FILE]`.

Every arm of a case runs in this process in turns, so that a busy machine slows all; printed is the median of the
repeats in agent-steps per second, and how many tokens an observation holds at the end. Every agent draws its own action
in every env step: a short block of actions played again and again drives the agents into corners, where they see more.
Arms:

* puffer      upstream's MettaGridPufferEnv, one world
* published   the wheel's C++ step alone, one world
* native      ours through NativeBatch on one thread, one world
* native x64  the same with 64 worlds a call
* cores       ours with 64 worlds on all cores
* vector      64 of upstream's MettaGridPufferEnv under PufferLib Multiprocessing, a worker a core. In a case of its own
              and gone before its counterpart begins: its workers go on spinning after a step
* rows        copying one observation into every row of 256 MiB, by ordinary stores as an encoder makes them: the bound
              of an engine that writes every row in full
* fill        setting the same 256 MiB to one byte, for which the C library may bypass the caches

Last, what episodes of 1,000 env steps cost that end in every world at another time: worlds without an end, worlds that
share 8 maps, worlds with a fresh map for every episode.

Cases: 3, 24 and 64 agents of `mettagrid.builder.envs.make_arena`, windows 11x11 with 200 and 13x13 with 500 tokens; one
world whose handlers, areas of effect and territory run all the time; and 1 to 4,096 worlds of 24 agents.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from mettagrid.builder.envs import make_arena
from mettagrid.config.event_config import EventConfig, periodic
from mettagrid.config.filter import sharedTagPrefix
from mettagrid.config.handler_config import AOEConfig, Handler
from mettagrid.config.mettagrid_config import GridObjectConfig, MettaGridConfig
from mettagrid.config.mutation import logActorAgentStat, updateTarget
from mettagrid.config.query import query
from mettagrid.config.tag import typeTag
from mettagrid.config.territory_config import TerritoryConfig, TerritoryControlConfig

from metta_puffer.engine import WorldBuffers
from metta_puffer.engine.native import NativeBatch
from metta_puffer.engine.published import PublishedWorld

CORES = os.cpu_count() or 1
MANY = 64
WARM_UP_ENV_STEPS = 200  # until agents have left where a map places them: they see a third fewer objects then
MEMORY_BYTES = 256 * 2**20  # more than any cache holds
Stepper = Callable[[int], None]  # env steps to run


@dataclass
class Arm:
    """`rows`: agents that one call of `stepper` advances by one env step each."""

    rows: int
    stepper: Stepper
    close: Callable[[], None] = lambda: None
    observations: np.ndarray | None = None
    rates: list[float] = field(default_factory=list)  # agent-steps per second, one a repeat

    def measure(self, seconds: float) -> None:
        env_steps = 1
        while True:
            start = time.perf_counter()
            self.stepper(env_steps)
            elapsed = time.perf_counter() - start
            if elapsed >= seconds:
                self.rates.append(env_steps * self.rows / elapsed)
                return
            env_steps = max(env_steps + 1, int(1.2 * env_steps * seconds / max(elapsed, 1e-4)))


def arena(agents: int, window: int, tokens: int) -> MettaGridConfig:
    config = make_arena(agents)
    config.game.obs.width = config.game.obs.height = window
    config.game.obs.num_tokens = tokens
    config.game.max_steps = 0
    return config


def busy_game() -> MettaGridConfig:
    """24 agents in two teams of territory, with static and mobile areas, ticks and events."""
    config = arena(24, 13, 500)
    game = config.game
    ore, heart = game.resource_names[0], "heart"
    game.agent.tags = ["team:a"]
    game.agent.aoes = {"aura": AOEConfig(radius=2, is_static=False, mutations=[updateTarget({ore: 1})])}
    game.agent.on_tick = Handler(mutations=[logActorAgentStat("ticks")])
    game.territories = {
        "land": TerritoryConfig(
            tag_prefix="team:",
            on_enter={"enter": Handler(mutations=[updateTarget({heart: 1})])},
            presence={
                "own": Handler(filters=[sharedTagPrefix("team:")], mutations=[updateTarget({ore: -1})]),
            },
        )
    }
    posts = {}
    for name, team in (("post_a", "team:a"), ("post_b", "team:b")):
        posts[name] = GridObjectConfig(
            name=name,
            tags=[team],
            aoes={"heal": AOEConfig(radius=4, mutations=[updateTarget({ore: 2})], presence_deltas={heart: 1})},
            territory_controls=[TerritoryControlConfig(territory="land", strength=6)],
        )
    game.objects |= posts
    game.events = {
        "rain": EventConfig(
            target_query=query(typeTag("agent")), timesteps=periodic(10, 10), mutations=[updateTarget({ore: -3})]
        )
    }
    builder: Any = game.map_builder
    builder.instance.objects |= {"post_a": 6, "post_b": 6}
    return config


# ---- arms ----


def warmed_up(arm: Arm) -> Arm:
    arm.stepper(WARM_UP_ENV_STEPS)
    return arm


class RandomActions:
    """An action for each row and env step, drawn in advance: a step reads on from a random place of a long stream."""

    def __init__(self, rows: int) -> None:
        rng = np.random.default_rng(0)
        self._rows = rows
        self._stream = rng.integers(0, 5, 2**20 + rows).astype(np.int32)
        self._places = rng.integers(0, 2**20, 2**16).tolist()

    def __getitem__(self, env_step: int) -> np.ndarray:
        place = self._places[env_step % len(self._places)]
        return self._stream[place : place + self._rows]


def puffer_arm(config: MettaGridConfig) -> Arm:
    env = upstream_env(config, seed=1)
    env.reset()
    return warmed_up(Arm(env.num_agents, partial(_run, env.step, RandomActions(env.num_agents)), env.close))


def published_arm(config: MettaGridConfig) -> Arm:
    world = PublishedWorld(config, seed=1)
    simulation, actions = world._simulation, RandomActions(config.game.num_agents)

    def step(chosen: np.ndarray) -> None:
        world._actions[:] = chosen
        simulation.step()

    return warmed_up(Arm(config.game.num_agents, partial(_run, step, actions)))


def native_arm(config: MettaGridConfig, worlds: int, num_threads: int) -> Arm:
    return warmed_up(native_batch(config, worlds, num_threads, map_pool=min(worlds, 8))[0])


def native_batch(
    config: MettaGridConfig, worlds: int, num_threads: int, map_pool: int
) -> tuple[Arm, WorldBuffers, NativeBatch]:
    rows = worlds * config.game.num_agents
    buffers = WorldBuffers(
        observations=np.zeros((rows, config.game.obs.num_tokens, 3), dtype=np.uint8),
        rewards=np.zeros(rows, dtype=np.float32),
        terminals=np.zeros(rows, dtype=np.bool_),
        truncations=np.zeros(rows, dtype=np.bool_),
        actions=np.zeros(rows, dtype=np.int32),
        vibe_actions=np.zeros(rows, dtype=np.int32),
    )
    batch = NativeBatch(config, worlds, buffers, num_threads, map_pool=map_pool)
    for world in range(worlds):
        batch.begin_episode(world, world, world)

    def step(chosen: np.ndarray) -> None:
        buffers.actions[:] = chosen
        batch.step()

    arm = Arm(rows, partial(_run, step, RandomActions(rows)), batch.close, buffers.observations)
    return arm, buffers, batch


def upstream_env(config: MettaGridConfig, buf: Any = None, seed: int = 0) -> Any:
    from mettagrid.envs.mettagrid_puffer_env import MettaGridPufferEnv
    from mettagrid.simulator import Simulator

    return MettaGridPufferEnv(Simulator(), config.model_copy(deep=True), buf=buf, seed=seed)


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
    return warmed_up(Arm(env.num_agents, partial(_run, env.step, RandomActions(env.num_agents)), env.close))


def turnover_arm(config: MettaGridConfig, worlds: int, num_threads: int, env_steps: int, map_pool: int) -> Arm:
    """Episodes of `env_steps` (0: they never end), the worlds' first ends spread evenly."""
    config = config.model_copy(deep=True)
    config.game.max_steps = env_steps
    arm, buffers, batch = native_batch(config, worlds, num_threads, map_pool)
    episodes = itertools.count(worlds)
    if env_steps:
        for world in range(worlds):
            seed = next(episodes)
            batch.set_next_episode(world, seed, seed)
            batch.end_early(world, 1 + world * env_steps // worlds)

    def step(chosen: np.ndarray) -> None:
        buffers.actions[:] = chosen
        batch.step()
        for ended in batch.take_ended():
            seed = next(episodes)
            batch.set_next_episode(ended.world, seed, seed)

    stepper = partial(_run, step, RandomActions(arm.rows))
    stepper(2 * env_steps)  # from here on there are always as many worlds at one age as at any other
    return Arm(arm.rows, stepper, arm.close)


def rows_arm(config: MettaGridConfig) -> Arm:
    observations = memory(config)
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


def memory(config: MettaGridConfig) -> np.ndarray:
    return np.ones((MEMORY_BYTES // (config.game.obs.num_tokens * 3), config.game.obs.num_tokens, 3), dtype=np.uint8)


def _run(step: Callable[[np.ndarray], Any], actions: RandomActions, env_steps: int) -> None:
    for env_step in range(env_steps):
        step(actions[env_step])


# ---- the report ----


def run_case(name: str, arms: dict[str, Arm], repeats: int, seconds: float) -> dict[str, Any]:
    try:
        for _ in range(repeats):
            for arm in arms.values():
                arm.measure(seconds)
    finally:
        for arm in arms.values():
            arm.close()
    return report_case(name, arms)


def run_one_after_the_other(
    name: str, arms: Mapping[str, Callable[[], Arm]], repeats: int, seconds: float
) -> dict[str, Any]:
    measured = {}
    for label, make in arms.items():
        arm = measured[label] = make()
        try:
            for _ in range(repeats):
                arm.measure(seconds)
        finally:
            arm.close()
    return report_case(name, measured)


def report_case(name: str, arms: dict[str, Arm]) -> dict[str, Any]:
    medians = {label: statistics.median(arm.rates) for label, arm in arms.items()}
    judge = medians.get("puffer")
    shown = {
        label: float((arm.observations[:, :, 0] != 255).sum(axis=1).mean())
        for label, arm in arms.items()
        if arm.observations is not None
    }
    print(name)
    for label, arm in arms.items():
        ratio = f"{medians[label] / judge:8.1f} x puffer" if judge else ""
        spread = f"{min(arm.rates):12,.0f} to {max(arm.rates):12,.0f}"
        tokens = f"{shown[label]:5.1f} tokens" if label in shown else ""
        print(f"  {label:12s} {medians[label]:14,.0f} agent-steps/s  ({spread}) {ratio} {tokens}")
    return {
        "case": name,
        "agent_steps_per_second": medians,
        "tokens_per_observation": shown,
        "repeats": {label: arm.rates for label, arm in arms.items()},
    }


def compared_arms(config: MettaGridConfig) -> dict[str, Arm]:
    return {
        "puffer": puffer_arm(config),
        "published": published_arm(config),
        "native": native_arm(config, 1, 1),
        "native x64": native_arm(config, MANY, 1),
        "cores": native_arm(config, MANY, CORES),
        "rows": rows_arm(config),
        "fill": fill_arm(config),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of one measurement (default %(default)s)")
    parser.add_argument("--out", type=Path, help="write the measurements as JSON")
    parser.add_argument("--agents", type=int, nargs="*", default=[3, 24, 64])
    parser.add_argument("--no-scaling", action="store_true", help="leave out the cases of 1 to 4,096 worlds")
    options = parser.parse_args()
    run = partial(run_case, repeats=options.repeats, seconds=options.seconds)
    cases = []
    for window, tokens in ((11, 200), (13, 500)):
        for agents in options.agents:
            arms = compared_arms(arena(agents, window, tokens))
            cases.append(run(f"{agents} agents, {window}x{window}, {tokens} tokens", arms))
        config = arena(24, window, tokens)
        all_cores = {"vector": partial(vector_arm, config), "cores": partial(native_arm, config, MANY, CORES)}
        name = f"24 agents, {window}x{window}, {tokens} tokens, all cores"
        cases.append(run_one_after_the_other(name, all_cores, options.repeats, options.seconds))
    cases.append(run("24 agents, 13x13, 500 tokens, rules busy", compared_arms(busy_game())))
    if not options.no_scaling:
        for worlds in (1, 16, 64, 256, 1024, 4096):
            arms = {f"{n} threads": native_arm(arena(24, 11, 200), worlds, n) for n in sorted({1, CORES})}
            cases.append(run(f"24 agents, 11x11, 200 tokens, {worlds} worlds", arms))
    game = arena(24, 11, 200)
    episodes = {"no end": (0, 8), "8 maps": (1000, 8), "fresh maps": (1000, 0)}
    for num_threads in sorted({1, CORES}):
        arms = {label: turnover_arm(game, MANY, num_threads, *how) for label, how in episodes.items()}
        cases.append(run(f"24 agents, 11x11, 200 tokens, episodes of 1,000 env steps, {num_threads} threads", arms))
    if options.out:
        machine = {"platform": platform.platform(), "processor": platform.machine(), "cores": CORES}
        versions = {name: version(name) for name in ("metta-puffer", "mettagrid", "pufferlib-core", "numpy")}
        options.out.write_text(json.dumps({"machine": machine, "versions": versions, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()

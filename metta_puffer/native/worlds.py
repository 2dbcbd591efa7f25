"""Groups of worlds that take turns: while the policy works on one group, the others step.

Two ways to step in the background: PufferLib's worker processes, or one thread a group in this process.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from metta_puffer.config.plan import EnvPlan

EnvFactory = Callable[..., Any]  # (plan: EnvPlan, worlds: int, seed: int, buf=None) -> PufferEnv


@dataclass(frozen=True)
class Received:
    """What one group of n agents saw after its last actions. Arrays are views, valid until the group's next `send`."""

    group: int
    observations: npt.NDArray[np.uint8]  # [n, *observation shape]
    rewards: npt.NDArray[np.float32]  # [n]
    terminals: npt.NDArray[np.bool_]  # [n]
    truncations: npt.NDArray[np.bool_]  # [n]
    infos: list[dict[str, Any]]  # statistics of the episodes that ended


class WorldGroups(Protocol):
    """`reset`, then for ever `recv` and `send`, group after group in turn."""

    num_groups: int
    agents_per_group: int
    driver_env: Any

    def reset(self) -> None: ...

    def recv(self) -> Received: ...

    def send(self, group: int, actions: npt.NDArray[np.int32]) -> None: ...

    def close(self) -> None: ...


def open_worlds(plan: EnvPlan, factory: EnvFactory) -> WorldGroups:
    """The groups that `plan` asks for.

    The published engine keeps the interpreter to itself while it steps, so several workers must be processes; the
    native engine spreads its worlds over `workers` threads of its own.
    """
    if plan.workers > 1 and plan.engine == "published":
        return ProcessGroups(plan, factory)
    return ThreadGroups(plan, factory)


def metta_env(plan: EnvPlan, worlds: int, seed: int, buf: Any = None) -> Any:
    """`worlds` worlds of the plan's game; world i of them runs on seed + i."""
    from metta_puffer import MettaPufferEnv

    return MettaPufferEnv(
        game=plan.game,
        num_agents=plan.agents_per_env,
        num_worlds=worlds,
        engine=plan.engine,
        num_threads=plan.workers if plan.engine == "native" else 1,
        seed=seed,
        buf=buf,
        **plan.game_options,
    )


class ThreadGroups:
    """One environment object a group; each steps in a thread of its own unless there is only one."""

    def __init__(self, plan: EnvPlan, factory: EnvFactory) -> None:
        worlds = plan.envs_per_forward
        self._seeds = [plan.seed + group * worlds for group in range(plan.groups)]
        self._envs = [factory(plan, worlds, seed) for seed in self._seeds]
        self.driver_env = self._envs[0]
        self.num_groups = plan.groups
        self.agents_per_group = plan.agents_per_forward
        self._executor = ThreadPoolExecutor(plan.groups, "worlds") if plan.groups > 1 else None
        self._pending: list[Future[Any] | Any] = [None] * plan.groups
        self._next = 0

    def reset(self) -> None:
        for group, (env, seed) in enumerate(zip(self._envs, self._seeds, strict=True)):
            observations, infos = env.reset(seed)
            self._pending[group] = observations, env.rewards, env.terminals, env.truncations, infos
        self._next = 0

    def recv(self) -> Received:
        group, self._next = self._next, (self._next + 1) % self.num_groups
        result = self._pending[group]
        return Received(group, *(result.result() if isinstance(result, Future) else result))

    def send(self, group: int, actions: npt.NDArray[np.int32]) -> None:
        step = self._envs[group].step
        self._pending[group] = self._executor.submit(step, actions) if self._executor else step(actions)

    def close(self) -> None:
        if self._executor:
            self._executor.shutdown(wait=True)
        for env in self._envs:
            env.close()


class ProcessGroups:
    """PufferLib's worker processes, each running one environment object that holds its share of the worlds."""

    def __init__(self, plan: EnvPlan, factory: EnvFactory) -> None:
        import pufferlib.vector

        worlds = plan.envs // plan.workers
        self._seed = plan.seed
        self._vecenv = pufferlib.vector.make(
            [_seeded(plan, worlds, plan.seed + worker * worlds, factory) for worker in range(plan.workers)],
            env_args=[[] for _ in range(plan.workers)],
            env_kwargs=[{} for _ in range(plan.workers)],
            backend=pufferlib.vector.Multiprocessing,
            num_envs=plan.workers,
            num_workers=plan.workers,
            batch_size=plan.envs_per_forward // worlds,
            zero_copy=plan.zero_copy,
        )
        self.driver_env = self._vecenv.driver_env
        self.num_groups = plan.groups
        self.agents_per_group = plan.agents_per_forward

    def reset(self) -> None:
        self._vecenv.async_reset(self._seed)

    def recv(self) -> Received:
        # PufferLib 3.0.23 puts the teacher's actions between truncations and infos; 3.0.0 has none.
        observations, rewards, terminals, truncations, *_, infos, agent_ids, _ = self._vecenv.recv()
        group = int(agent_ids[0]) // self.agents_per_group
        return Received(group, observations, rewards, terminals, truncations, infos)

    def send(self, group: int, actions: npt.NDArray[np.int32]) -> None:
        self._vecenv.send(actions)

    def close(self) -> None:
        self._vecenv.close()


def _seeded(plan: EnvPlan, worlds: int, seed: int, factory: EnvFactory) -> Callable[..., Any]:
    """A creator whose environment resets to its own seed: PufferLib would give worker w seed + w, and so many
    worlds of different workers the same one."""

    def create(buf: Any = None, **_: Any) -> Any:
        env = factory(plan, worlds, seed, buf)
        reset = env.reset
        env.reset = lambda _seed=None: reset(seed)
        return env

    return create

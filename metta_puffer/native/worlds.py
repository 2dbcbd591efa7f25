"""Groups of worlds that take turns: while the policy works on one group, the others step.

Three ways to step in the background: the native engine's own threads, PufferLib's worker processes, or a Python thread
for each group.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from metta_puffer.config.plan import EnvPlan
from metta_puffer.native.replay import GroupLog, play, restore
from metta_puffer.native.transfer import page_locked_buffers

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
    teacher_actions: npt.NDArray[np.int32] | None = None  # [n], zeros unless the environment fills them


class WorldGroups(Protocol):
    """`reset`, then for ever `recv` and `send`, group after group in turn."""

    num_groups: int
    agents_per_group: int
    driver_env: Any
    logs: list[GroupLog]  # what every group was sent, for a run that continues this one

    def reset(self) -> None: ...

    def recv(self) -> Received: ...

    def send(self, group: int, actions: npt.NDArray[np.int32]) -> None: ...

    def close(self) -> None: ...


def open_worlds(
    plan: EnvPlan, factory: EnvFactory, logs: Sequence[GroupLog] | None = None, *, device: str = "cpu"
) -> WorldGroups:
    """The groups that `plan` asks for. With the `logs` of an earlier run `reset` takes its worlds up again.

    The native engine steps all groups on `workers` threads of its own. Any other environment gets an object and a
    Python thread a group. The published engine keeps the interpreter to itself while it steps, so several workers are
    processes. `device` is where the policy reads what the worlds write.
    """
    if plan.engine == "native" and factory is metta_env:
        return EngineGroups(plan, logs, page_locked=device.startswith("cuda"))
    if plan.engine == "published" and plan.workers > 1:
        return ProcessGroups(plan, factory, logs)
    return ThreadGroups(plan, factory, logs)


def metta_env(plan: EnvPlan, worlds: int, seed: int, buf: Any = None, num_groups: int = 1) -> Any:
    """`worlds` worlds of the plan's game: those from number `seed` - `plan.seed` on of all that the run has."""
    from metta_puffer import MettaPufferEnv

    return MettaPufferEnv(
        game=plan.game,
        num_agents=plan.agents_per_env,
        num_worlds=worlds,
        engine=plan.engine,
        num_threads=plan.workers if plan.engine == "native" else 1,
        seed=seed,
        first_world=seed - plan.seed,
        buf=buf,
        num_groups=num_groups,
        **plan.game_options,
    )


class EngineGroups:
    """One environment object of all worlds, whose groups step on the engine's threads; a single group steps inline.

    `page_locked` keeps its buffers where a GPU can fetch them without waiting for the processor.
    """

    def __init__(self, plan: EnvPlan, logs: Sequence[GroupLog] | None, *, page_locked: bool = False) -> None:
        buffers = page_locked_buffers(metta_env(plan, 1, plan.seed), plan.total_agents) if page_locked else None
        self._env = metta_env(plan, plan.envs, plan.seed, buffers, num_groups=plan.groups)
        self.driver_env = self._env
        self._seed, self._worlds_per_group = plan.seed, plan.envs_per_forward
        self.num_groups = plan.groups
        self.agents_per_group = plan.agents_per_forward
        self.logs = list(logs or (GroupLog(plan.envs_per_forward, plan.agents_per_env) for _ in range(plan.groups)))
        self._pending: deque[tuple[int, list[dict[str, Any]] | None]] = deque()  # groups as sent, infos once known

    def reset(self) -> None:
        self._env.reset(self._seed)
        for group, log in enumerate(self.logs):
            infos = play(log, partial(self._begin_episode, group), partial(self._step, group))
            if log.env_steps:
                rows = self._env.group_rows(group)
                log.received(self._env.terminals[rows] | self._env.truncations[rows])
            self._pending.append((group, infos))

    def _begin_episode(self, group: int, world: int, episode: int) -> None:
        self._env.begin_episode(group * self._worlds_per_group + world, episode)

    def _step(self, group: int, actions: npt.NDArray[np.int32]) -> list[dict[str, Any]]:
        self._env.step_async(actions, group)
        infos: list[dict[str, Any]] = self._env.wait(group)
        return infos

    def recv(self) -> Received:
        group, infos = self._pending.popleft()
        if infos is None:
            infos = self._env.wait(group)
        env, rows = self._env, self._env.group_rows(group)
        received = Received(
            group,
            env.observations[rows],
            env.rewards[rows],
            env.terminals[rows],
            env.truncations[rows],
            infos,
            *(taught[rows] for taught in _taught(env)),
        )
        self.logs[group].received(received.terminals | received.truncations)
        return received

    def send(self, group: int, actions: npt.NDArray[np.int32]) -> None:
        self.logs[group].sent(actions)
        if self.num_groups == 1:
            self._pending.append((group, self._env.step(actions)[-1]))
            return
        self._env.step_async(actions, group)
        self._pending.append((group, None))

    def close(self) -> None:
        """Waits for the engine's threads, so that nothing writes to the buffers any more."""
        self._env.close()


class ThreadGroups:
    """One environment object a group; each steps in a thread of its own unless there is only one."""

    def __init__(self, plan: EnvPlan, factory: EnvFactory, logs: Sequence[GroupLog] | None) -> None:
        worlds = plan.envs_per_forward
        self._seeds = [plan.seed + group * worlds for group in range(plan.groups)]
        self._envs = [factory(plan, worlds, seed) for seed in self._seeds]
        self.driver_env = self._envs[0]
        self.num_groups = plan.groups
        self.agents_per_group = plan.agents_per_forward
        self.logs = list(logs or (GroupLog(worlds, plan.agents_per_env) for _ in range(plan.groups)))
        self._executor = ThreadPoolExecutor(plan.groups, "worlds") if plan.groups > 1 else None
        self._pending: deque[tuple[int, Future[Any] | Any]] = deque()  # in the order of their sends

    def reset(self) -> None:
        for group, (env, seed, log) in enumerate(zip(self._envs, self._seeds, self.logs, strict=True)):
            infos = restore(env, seed, log)
            self._pending.append((group, (env.observations, env.rewards, env.terminals, env.truncations, infos)))

    def recv(self) -> Received:
        group, result = self._pending.popleft()
        results = result.result() if isinstance(result, Future) else result
        received = Received(group, *results, *_taught(self._envs[group]))
        self.logs[group].received(received.terminals | received.truncations)
        return received

    def send(self, group: int, actions: npt.NDArray[np.int32]) -> None:
        self.logs[group].sent(actions)
        step = self._envs[group].step
        self._pending.append((group, self._executor.submit(step, actions) if self._executor else step(actions)))

    def close(self) -> None:
        if self._executor:
            self._executor.shutdown(wait=True)
        for env in self._envs:
            env.close()


def _taught(env: Any) -> tuple[npt.NDArray[np.int32], ...]:
    """PufferLib 3.0.23 gives every environment a buffer for a teacher's actions, 3.0.0 none."""
    return (env.teacher_actions,) if hasattr(env, "teacher_actions") else ()


class ProcessGroups:
    """PufferLib's worker processes, each running one environment object that holds its share of the worlds."""

    def __init__(self, plan: EnvPlan, factory: EnvFactory, logs: Sequence[GroupLog] | None) -> None:
        import pufferlib.vector

        worlds = plan.envs // plan.workers
        self._seed = plan.seed
        self.num_groups = plan.groups
        self.agents_per_group = plan.agents_per_forward
        self.logs = list(logs or (GroupLog(plan.envs_per_forward, plan.agents_per_env) for _ in range(plan.groups)))
        workers_per_group = plan.envs_per_forward // worlds
        creators = []
        for worker in range(plan.workers):
            group, place = divmod(worker, workers_per_group)
            log = self.logs[group].of_worlds(place * worlds, worlds)
            creators.append(_restoring(plan, worlds, plan.seed + worker * worlds, factory, log))
        self._workers_per_group = workers_per_group
        self._may_send, self._may_receive = pufferlib.vector.SEND, pufferlib.vector.RECV
        self._vecenv = pufferlib.vector.make(
            creators,
            env_args=[[] for _ in creators],
            env_kwargs=[{} for _ in creators],
            backend=pufferlib.vector.Multiprocessing,
            num_envs=plan.workers,
            num_workers=plan.workers,
            batch_size=workers_per_group,
            zero_copy=plan.zero_copy,
            overwork=True,  # the resolver has judged workers against cores
        )
        self.driver_env = self._vecenv.driver_env

    def reset(self) -> None:
        self._vecenv.async_reset(self._seed)

    def recv(self) -> Received:
        # PufferLib expects recv and send in turn; we may receive every group before the first one is sent on.
        self._vecenv.flag = self._may_receive
        # PufferLib 3.0.23 puts the teacher's actions between truncations and infos; 3.0.0 has none.
        observations, rewards, terminals, truncations, *teacher, infos, agent_ids, _ = self._vecenv.recv()
        group = int(agent_ids[0]) // self.agents_per_group
        self.logs[group].received(terminals | truncations)
        return Received(group, observations, rewards, terminals, truncations, infos, teacher[0] if teacher else None)

    def send(self, group: int, actions: npt.NDArray[np.int32]) -> None:
        self.logs[group].sent(actions)
        first = group * self._workers_per_group
        self._vecenv.w_slice = slice(first, first + self._workers_per_group)
        self._vecenv.flag = self._may_send
        self._vecenv.send(actions)

    def close(self) -> None:
        self._vecenv.close()


def _restoring(plan: EnvPlan, worlds: int, seed: int, factory: EnvFactory, log: GroupLog) -> Callable[..., Any]:
    """A creator whose environment, when reset, starts from its own seed and plays what the log holds.

    PufferLib's reset would give worker w seed + w, and so many worlds of different workers the same one.
    """

    def create(buf: Any = None, **_: Any) -> Any:
        env = factory(plan, worlds, seed, buf)
        reset = env.reset

        def reset_to_log(seed: int | None = None) -> tuple[Any, list[dict[str, Any]]]:
            env.reset = reset
            return env.observations, restore(env, own_seed, log)

        env.reset = reset_to_log
        return env

    own_seed = seed
    return create

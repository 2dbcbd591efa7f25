"""The vectorized environment of a plan: pufferlib.vector over MettaPufferEnv, started and closed safely."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pufferlib
import pufferlib.vector

from metta_puffer.config.plan import EnvPlan
from metta_puffer.errors import UserError

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def make_env(plan: EnvPlan, **kwargs: Any) -> Any:
    """One environment object; `buf` and `seed` come from pufferlib.vector."""
    from metta_puffer.env import MettaPufferEnv

    return MettaPufferEnv(
        game=plan.game,
        num_agents=plan.agents_per_world,
        num_worlds=plan.worlds_per_env,
        engine=plan.engine,
        **plan.game_options,
        **kwargs,
    )


def check_worlds(plan: EnvPlan) -> None:
    """Builds one world and drops it. Raises UserError for a game, an option or a number of agents that does not fit."""
    one_world = plan.model_copy(update={"worlds_per_env": 1, "agents_per_env": plan.agents_per_world})
    make_env(one_world, seed=plan.seed).close()


@contextmanager
def open_vecenv(plan: EnvPlan, *, seed: int) -> Iterator[Any]:
    """PufferLib's vectorized environment, closed at the end of the block.

    Raises UserError when PufferLib refuses the sizes, and from inside the block when a worker process stops (upstream
    waits for it for ever).
    """
    with _interrupts_left_to_this_process():
        vecenv = _make_vecenv(plan, seed)
    try:
        with _workers_watched(getattr(vecenv, "processes", [])):
            yield vecenv
    finally:
        vecenv.close()
        for process in getattr(vecenv, "processes", []):
            process.join()


def _make_vecenv(plan: EnvPlan, seed: int) -> Any:
    if plan.backend == "PufferEnv":
        creator: Any = partial(make_env, plan, seed=seed)
        settings: dict[str, Any] = {"backend": pufferlib.PufferEnv}
    else:
        per_worker = plan.envs // plan.workers if plan.backend == "Multiprocessing" else plan.envs
        creator = [partial(_make_in_worker, plan, index, per_worker, os.getpid(), seed) for index in range(plan.envs)]
        settings = {
            "env_args": [[]] * plan.envs,
            "env_kwargs": [{}] * plan.envs,
            "backend": plan.backend,
            "num_envs": plan.envs,
        }
    if plan.backend == "Multiprocessing":
        settings |= {
            "num_workers": plan.workers,
            "batch_size": plan.envs_per_forward,
            "zero_copy": plan.zero_copy,
            "overwork": True,  # the resolver has judged workers against cores; here it would only be said again
        }
    try:
        vecenv = pufferlib.vector.make(creator, **settings)
    except pufferlib.APIUsageError as error:
        raise UserError(str(error), remedy="change [vec]; metta-audit explains each of its sizes") from error
    if not hasattr(vecenv, "agents_per_batch"):  # a bare PufferEnv lacks what PuffeRL asks of it
        vecenv.agents_per_batch = vecenv.num_agents
    return vecenv


def _make_in_worker(plan: EnvPlan, index: int, per_worker: int, trainer_pid: int, base: int, **kwargs: Any) -> Any:
    """Environment object `index` of the run, as a worker process or the trainer itself builds it."""
    if os.getpid() != trainer_pid:
        _die_with_parent()
    # The same worlds as one object that held them all would run, however they are shared out.
    first_world = index * plan.worlds_per_env
    env = make_env(plan, **{**kwargs, "seed": base + first_world, "first_world": first_world})
    # pufferlib.vector resets object j of worker w with base+w+j, which many objects share.
    worker, slot = divmod(index, per_worker)
    env.reset = _reseeded(env.reset, shift=first_world - worker - slot)
    return env


def _reseeded(reset: Callable[..., Any], shift: int) -> Callable[..., Any]:
    def reset_with_distinct_seed(seed: int | None = None) -> Any:
        return reset(seed=None if seed is None else seed + shift)

    return reset_with_distinct_seed


def _die_with_parent() -> None:
    """A worker whose trainer was killed would otherwise wait for it for ever."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def _interrupts_left_to_this_process() -> Iterator[None]:
    """Workers forked in the block ignore Ctrl-C, which the terminal sends to all: the trainer ends them in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


@contextmanager
def _workers_watched(processes: list[Any]) -> Iterator[None]:
    """Raises UserError in the block when a worker stops with an error."""
    if not processes or threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_child_ended(signum: int, frame: object) -> None:
        for index, process in enumerate(processes):
            if process.exitcode:
                raise UserError(
                    f"environment worker {index} stopped with exit status {process.exitcode}",
                    remedy="see its own message above; -9 means that the machine ran out of memory: fewer envs",
                )

    before = signal.signal(signal.SIGCHLD, on_child_ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)

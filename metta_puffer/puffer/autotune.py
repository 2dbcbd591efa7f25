"""Which vectorization of a plan's worlds is fastest on this machine, measured with its policy in the loop."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table

from metta_puffer.config.machine import Machine
from metta_puffer.config.plan import EnvPlan, RunPlan
from metta_puffer.policies import build_policy
from metta_puffer.puffer.evaluate import choose
from metta_puffer.puffer.train import seed_everything
from metta_puffer.puffer.vecenv import open_vecenv


@dataclass(frozen=True)
class Measured:
    env: EnvPlan
    agent_steps_per_second: float


def candidates(plan: EnvPlan, cores: int) -> Iterator[EnvPlan]:
    """The ways to step the plan's worlds that leave their number, and so the batch, as it is.

    One object in this process; several objects (Serial); and for each number of workers up to `cores` one or two
    groups, where with two one group steps while the policy works on the other.
    """
    worlds = plan.worlds

    def split(backend: str, objects: int, workers: int, groups: int) -> EnvPlan:
        return plan.model_copy(
            update={
                "backend": backend,
                "envs": objects,
                "worlds_per_env": worlds // objects,
                "agents_per_env": worlds // objects * plan.agents_per_world,
                "workers": workers,
                "envs_per_forward": objects // groups,
                "zero_copy": True,
            }
        )

    yield split("PufferEnv", 1, 1, 1)
    if worlds > 1:
        yield split("Serial", worlds, 1, 1)
    for workers in range(1, cores + 1):
        for groups in (1, 2):
            if worlds % workers == 0 and workers % groups == 0:
                yield split("Multiprocessing", workers, workers, groups)


def autotune(plan: RunPlan, seconds: float = 3.0) -> list[Measured]:
    """Measures every candidate for `seconds`, prints a table and the fastest as an ini section; fastest first."""
    cores = Machine.detect().physical_cores
    results = []
    console = Console()
    for candidate in candidates(plan.env, cores):
        with console.status(f"measuring {describe(candidate)}"):
            results.append(Measured(candidate, measure(plan, candidate, seconds)))
    results.sort(key=lambda measured: measured.agent_steps_per_second, reverse=True)
    console.print(_table(results))
    print(f"\nFastest here, for {plan.env.worlds} worlds of {plan.env.agents_per_world} agents:\n")
    print(as_ini(results[0].env))
    return results


def measure(plan: RunPlan, env_plan: EnvPlan, seconds: float) -> float:
    """Agent-steps per second of rollout: worlds, and the plan's policy choosing every action."""
    seed_everything(plan.seed)
    with torch.no_grad(), open_vecenv(env_plan, seed=plan.env.seed) as vecenv:
        policy = build_policy(plan.policy, vecenv.driver_env).to(plan.device)
        states: dict[int, dict[str, torch.Tensor | None]] = {}
        vecenv.async_reset(plan.env.seed)
        agent_steps, begin = 0, time.perf_counter()
        warm_until = begin + min(1.0, seconds / 2)
        warm = False
        while True:
            now = time.perf_counter()
            if not warm and now >= warm_until:
                warm, agent_steps, begin = True, 0, now
            if warm and now - begin >= seconds:
                vecenv.recv()
                return agent_steps / (now - begin)
            observations, *_, agent_ids, _mask = vecenv.recv()
            state = states.setdefault(int(agent_ids[0]), {"lstm_h": None, "lstm_c": None})
            logits, _ = policy.forward_eval(torch.as_tensor(observations).to(plan.device), state)  # type: ignore[operator]
            vecenv.send(choose(logits, deterministic=False).cpu().numpy())
            agent_steps += len(agent_ids)


def describe(env: EnvPlan) -> str:
    groups = f", {env.groups} groups" if env.groups > 1 else ""
    workers = f", {env.workers} workers" if env.backend == "Multiprocessing" else ""
    return f"{env.backend}: {env.envs} objects x {env.worlds_per_env} worlds{workers}{groups}"


def as_ini(env: EnvPlan) -> str:
    return (
        f"[vec]\nbackend = {env.backend}\nnum_envs = {env.envs}\nnum_workers = {env.workers}\n"
        f"batch_size = {env.envs_per_forward}\n\n[env]\nnum_worlds = {env.worlds_per_env}"
    )


def _table(results: list[Measured]) -> Table:
    table = Table(title="agent-steps per second of rollout (worlds and policy)")
    for name in ("backend", "objects", "worlds each", "workers", "groups", "agent-steps/s"):
        table.add_column(name, justify="left" if name == "backend" else "right")
    for measured in results:
        env = measured.env
        numbers = (env.envs, env.worlds_per_env, env.workers, env.groups, f"{measured.agent_steps_per_second:,.0f}")
        table.add_row(env.backend, *map(str, numbers))
    return table

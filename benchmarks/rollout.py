"""Rollout speed of the native trainer, and how much environment time hides behind the policy.

    python -m benchmarks.rollout [--engine published] [--worlds 24] [--moments 60] [--timeline OUT.png]

For async_factor 1, 2 and 3 with groups stepped by threads of this process, and for PufferLib's worker processes, one
line each: agent-steps per second and the hidden share. With E the time the worlds take alone, P the policy alone and
R the rollout, the share is (E + P - R) / min(E, P): 0 when they take turns, 1 when the shorter costs nothing. One math
thread for the policy.
"""

import argparse
import os
import platform
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil
import torch

from metta_puffer.config.plan import EnvPlan, PolicyPlan
from metta_puffer.native.distribution import sample
from metta_puffer.native.worlds import WorldGroups, metta_env, open_worlds
from metta_puffer.policies import build_policy


@dataclass
class Spans:
    """(start, end, row) in seconds, a row for the policy and one for each group."""

    drawn: list[tuple[float, float, str]] = field(default_factory=list)

    def timed_factory(self, plan: EnvPlan, worlds: int, seed: int, buf: Any = None) -> Any:
        env = metta_env(plan, worlds, seed, buf)
        step, name = env.step, f"worlds from {seed}"

        def timed(actions: np.ndarray) -> Any:
            start = time.perf_counter()
            result = step(actions)
            self.drawn.append((start, time.perf_counter(), name))
            return result

        env.step = timed
        return env

    def seconds(self, of_policy: bool) -> float:
        return sum(end - start for start, end, row in self.drawn if (row == "policy") == of_policy)


def roll(worlds: WorldGroups, policy: torch.nn.Module, moments: int, spans: Spans) -> float:
    """Seconds for `moments` turns of every group."""
    generator = torch.Generator().manual_seed(0)
    states: dict[int, dict[str, torch.Tensor]] = {group: {} for group in range(worlds.num_groups)}
    worlds.reset()
    start = 0.0
    for turn in range((moments + 3) * worlds.num_groups):
        if turn == 3 * worlds.num_groups:  # the first turns build caches
            spans.drawn.clear()
            start = time.perf_counter()
        received = worlds.recv()
        began = time.perf_counter()
        with torch.no_grad():
            logits, _ = policy.forward_eval(torch.from_numpy(received.observations), states[received.group])  # type: ignore[operator]
            actions, _ = sample(logits, generator)
        spans.drawn.append((began, time.perf_counter(), "policy"))
        worlds.send(received.group, actions.to(torch.int32).numpy())
    for _ in range(worlds.num_groups):  # the last steps belong to the time
        worlds.recv()
    return time.perf_counter() - start


def env_plan(arguments: argparse.Namespace, groups: int, workers: int) -> EnvPlan:
    return EnvPlan(
        game="arena",
        engine=arguments.engine,
        agents_per_env=arguments.agents,
        envs=arguments.worlds,
        workers=workers,
        envs_per_forward=arguments.worlds // groups,
        backend="Multiprocessing" if workers > 1 else "Groups",
    )


def measure(arguments: argparse.Namespace, groups: int, workers: int) -> tuple[float, Spans]:
    """(agent-steps per second, spans) of one arrangement."""
    plan, spans = env_plan(arguments, groups, workers), Spans()
    worlds = open_worlds(plan, spans.timed_factory)
    try:
        torch.manual_seed(0)
        policy = build_policy(PolicyPlan(name=arguments.policy), worlds.driver_env)
        seconds = roll(worlds, policy, arguments.moments, spans)
    finally:
        worlds.close()
    return plan.total_agents * arguments.moments / seconds, spans


def draw(spans: dict[str, Spans], path: Path) -> None:
    """Who worked when, over a short stretch: one panel an arrangement."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(len(spans), 1, figsize=(11, 1.6 * len(spans) + 0.6), squeeze=False)
    for axes, (title, one) in zip(panels[:, 0], spans.items(), strict=True):
        begin = min(start for start, _, _ in one.drawn)
        rows = ["policy", *sorted({row for _, _, row in one.drawn} - {"policy"})]
        length = 12 * max(end - start for start, end, _ in one.drawn)
        for start, end, row in one.drawn:
            if start - begin < length:
                colour = "tab:orange" if row == "policy" else "tab:blue"
                axes.barh(rows.index(row), end - start, left=start - begin, color=colour, edgecolor="white")
        labels = ["policy", *(f"group {number}" for number in range(len(rows) - 1))]
        axes.set(title=title, yticks=range(len(rows)), yticklabels=labels, xlim=(0, length))
        axes.invert_yaxis()
    panels[-1, 0].set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("published", "native"), default="published")
    parser.add_argument("--policy", default="small")
    parser.add_argument("--worlds", type=int, default=24, help="a multiple of 6, shared by the groups")
    parser.add_argument("--agents", type=int, default=12, help="agents of one world")
    parser.add_argument("--moments", type=int, default=60, help="turns of every group")
    parser.add_argument("--timeline", type=Path, default=Path(tempfile.gettempdir()) / "rollout-timeline.png")
    arguments = parser.parse_args()
    if arguments.worlds % 6:
        parser.error(f"--worlds {arguments.worlds} cannot be shared by 1, 2 and 3 groups; use a multiple of 6")
    torch.set_num_threads(1)
    print(
        f"{platform.processor() or platform.machine()}, {psutil.cpu_count(logical=False)} cores, "
        f"load {os.getloadavg()[0]:.1f}; torch {torch.__version__}; engine {arguments.engine}, policy "
        f"{arguments.policy}, {arguments.worlds} worlds x {arguments.agents} agents"
    )
    timelines: dict[str, Spans] = {}
    per_moment = {}
    for groups in (1, 2, 3):
        speed, spans = measure(arguments, groups, 1)
        timelines[f"async_factor {groups}"] = spans
        environment, policy = spans.seconds(of_policy=False), spans.seconds(of_policy=True)
        if groups == 1:  # nothing overlaps, so these are the times of each alone
            per_moment = {"environment": environment, "policy": policy}
        total = arguments.worlds * arguments.agents * arguments.moments / speed
        alone = per_moment["environment"] + per_moment["policy"]
        hidden = (alone - total) / min(per_moment.values())
        print(f"threads, async_factor {groups}: {speed:10,.0f} agent-steps/s   hidden {hidden:7.1%}")
    print(f"  alone: environment {per_moment['environment']:.2f} s, policy {per_moment['policy']:.2f} s")
    for groups in (1, 2):
        speed, _ = measure(arguments, groups, 2)
        print(f"PufferLib Multiprocessing, 2 workers, {groups} group(s): {speed:10,.0f} agent-steps/s")
    draw(timelines, arguments.timeline)
    print(f"timeline: {arguments.timeline}")


if __name__ == "__main__":
    main()

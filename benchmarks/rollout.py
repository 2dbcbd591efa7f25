"""Rollout speed of the native trainer's groups, and how much environment time hides behind the policy.

    python -m benchmarks.rollout [--engine native] [--policy small] [--worlds 96] [--timeline OUT.png]

Arrangements: async_factor 1, 2 and 3 on one thread for the policy and one for the engine, and PufferLib's
Multiprocessing (two workers) as the native trainer drives it. Medians over rounds.

Of one roll, E is the processor time of the engine's thread, P that of the policy's thread in the policy, and R the wall
time. The hidden share is (E + P - R) / min(E, P): 0 when the two take turns, 1 when the shorter one costs nothing. Both
times are of that very roll, so neither caches nor clock rates that differ from another arrangement's enter; R alone
suffers from other work on the machine, for which `chrt -r 1` before the command helps. `waits` is the share of a
roll in which the policy's thread stood still.

The policy `linear`, one matrix on the observations' bytes, takes about as long as the engine: the hardest case.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
import torch
from torch import Tensor, nn

from metta_puffer.config.plan import EnvPlan, PolicyPlan
from metta_puffer.native.distribution import sample
from metta_puffer.native.worlds import ProcessGroups, WorldGroups, metta_env, open_worlds
from metta_puffer.policies import build_policy

WARM_UP_TURNS = 3
LINEAR = "linear"
SPANS_PER_TURN = 4  # that `roll` notes
SHOWN_TURNS = 5  # of async_factor 1, in the timeline


class LinearPolicy(nn.Module):
    """logits = W * bytes of the observation."""

    def __init__(self, env: Any) -> None:
        super().__init__()
        self.actor = nn.Linear(env.single_observation_space.shape[0] * 3, int(env.single_action_space.n))

    def forward_eval(self, observations: Tensor, state: dict[str, Any]) -> tuple[Tensor, Tensor]:
        logits = self.actor(observations.flatten(1).float() / 255)
        return logits, logits[:, :1]


@dataclass
class Rolled:
    """One rollout. Spans are (start, end, row) in seconds: `policy`, `waits`, and `group N` from sent to received."""

    agent_steps: int = 0
    seconds: float = 0.0
    policy_seconds: float = 0.0  # of processor time
    engine_seconds: float = 0.0  # of processor time, where the engine has a thread of this process
    spans: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def hidden(self) -> float:
        both = self.engine_seconds + self.policy_seconds
        return (both - self.seconds) / min(self.engine_seconds, self.policy_seconds)

    def spent(self, row: str) -> float:
        return sum(end - start for start, end, name in self.spans if name == row)


def roll(worlds: WorldGroups, policy: nn.Module, turns: int) -> Rolled:
    """`turns` turns of every group, on worlds that have just been reset or have finished such a roll."""
    generator, clock = torch.Generator().manual_seed(0), time.perf_counter
    groups = worlds.num_groups
    states: list[dict[str, Tensor]] = [{} for _ in range(groups)]
    sent = [0.0] * groups
    rolled, begin, others = Rolled(), 0.0, 0.0
    for turn in range((turns + WARM_UP_TURNS) * groups):
        if turn == WARM_UP_TURNS * groups:
            rolled = Rolled()
            begin, others = clock(), _other_threads()
        asked = clock()
        received = worlds.recv()
        arrived, worked = clock(), time.thread_time()
        with torch.no_grad():
            logits, _ = policy.forward_eval(torch.from_numpy(received.observations), states[received.group])  # type: ignore[operator]
            actions = sample(logits, generator)[0].to(torch.int32).numpy()
        rolled.policy_seconds += time.thread_time() - worked
        ready = clock()
        worlds.send(received.group, actions)
        rolled.spans += [
            (asked, arrived, "waits"),
            (arrived, ready, "policy"),
            (ready, clock(), "waits"),
            (sent[received.group], arrived, f"group {received.group}"),
        ]
        sent[received.group] = ready
    rolled.seconds, rolled.engine_seconds = clock() - begin, _other_threads() - others
    rolled.agent_steps = turns * groups * worlds.agents_per_group
    rolled.spans = [span for span in rolled.spans if span[0] >= begin]
    return rolled


def _other_threads() -> float:
    """Processor time that the threads of this process but the calling one have had, in seconds."""
    return time.process_time() - time.thread_time()


def env_plan(arguments: argparse.Namespace, groups: int, workers: int) -> EnvPlan:
    return EnvPlan(
        game="arena",
        game_options={"map_pool": 8, "desync_episodes": True},
        engine=arguments.engine,
        agents_per_env=arguments.agents,
        envs=arguments.worlds,
        workers=workers,
        envs_per_forward=arguments.worlds // groups,
        backend="Multiprocessing" if workers > 1 else "Groups",
    )


def single_threaded(plan: EnvPlan, worlds: int, seed: int, buf: Any = None) -> Any:
    """The environment of one worker process."""
    return metta_env(plan.model_copy(update={"workers": 1}), worlds, seed, buf)


def measure(arguments: argparse.Namespace) -> dict[str, list[Rolled]]:
    """Every arrangement: those in this process round by round, then PufferLib's, whose idle workers would take part of
    the processor from the others."""
    measured: dict[str, list[Rolled]] = {}
    opened: dict[str, WorldGroups] = {}
    try:
        for groups in (1, 2, 3):
            opened[f"async_factor {groups}"] = open_worlds(env_plan(arguments, groups, 1), metta_env)
        torch.manual_seed(0)
        env = opened["async_factor 1"].driver_env
        policy = (
            LinearPolicy(env) if arguments.policy == LINEAR else build_policy(PolicyPlan(name=arguments.policy), env)
        )
        measured |= rounds(opened, policy, arguments)
        for groups in (1, 2):
            processes = ProcessGroups(env_plan(arguments, groups, 2), single_threaded, None)
            name = f"Multiprocessing, {groups} group{'s' * (groups > 1)}"
            opened[name] = processes
            measured |= rounds({name: processes}, policy, arguments)
            processes.close()
            del opened[name]
    finally:
        for worlds in opened.values():
            worlds.close()
    return measured


def rounds(opened: dict[str, WorldGroups], policy: nn.Module, arguments: argparse.Namespace) -> dict[str, list[Rolled]]:
    for worlds in opened.values():
        worlds.reset()
    measured: dict[str, list[Rolled]] = {name: [] for name in opened}
    for _ in range(arguments.rounds):
        for name, worlds in opened.items():
            measured[name].append(roll(worlds, policy, arguments.turns))
    return measured


def median(rolls: list[Rolled], value: Callable[[Rolled], float]) -> float:
    return statistics.median(value(one) for one in rolls)


def report(measured: dict[str, list[Rolled]]) -> None:
    for name, rolls in measured.items():
        speed = median(rolls, lambda roll: roll.agent_steps / roll.seconds)
        waits = median(rolls, lambda roll: roll.spent("waits") / roll.seconds)
        print(f"{name:<28} {speed:12,.0f} agent-steps/s   waits {waits:6.1%}")
    for name in ("async_factor 2", "async_factor 3"):
        rolls = measured[name]
        engine = median(rolls, lambda roll: roll.engine_seconds)
        policy = median(rolls, lambda roll: roll.policy_seconds)
        seconds = median(rolls, lambda roll: roll.seconds)
        low, middle, high = statistics.quantiles((roll.hidden for roll in rolls), n=4)
        print(
            f"{name}: engine {engine:.3f} s and policy {policy:.3f} s of work in {seconds:.3f} s: "
            f"hidden {middle:.0%} (quartiles {low:.0%} and {high:.0%} of {len(rolls)} rolls)"
        )


def draw(rolls: dict[str, list[Rolled]], path: Path) -> None:
    """Who had the work when, over a short stretch: one panel an arrangement."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    colours = {"policy": "tab:orange", "waits": "tab:red"}
    figure, panels = pyplot.subplots(len(rolls), 1, figsize=(11, 1.5 * len(rolls) + 0.8), squeeze=False, sharex=True)
    alone = rolls["async_factor 1"][-1]
    length = SHOWN_TURNS * alone.seconds / (len(alone.spans) / SPANS_PER_TURN)
    for axes, (title, some) in zip(panels[:, 0], rolls.items(), strict=True):
        spans = some[-1].spans
        begin = spans[len(spans) // 4][0]
        rows = ["policy", *sorted({name for _, _, name in spans} - set(colours))]
        for start, end, name in spans:
            if end > begin and start < begin + length:
                row = rows.index("policy" if name in colours else name)
                left, right = max(start - begin, 0.0), min(end - begin, length)
                edge = "none" if name in colours else "white"
                axes.barh(
                    row, (right - left) * 1e3, left=left * 1e3, color=colours.get(name, "tab:blue"), edgecolor=edge
                )
        axes.set(title=title, yticks=range(len(rows)), yticklabels=rows, xlim=(0, length * 1e3))
        axes.invert_yaxis()
    panels[-1, 0].set_xlabel("milliseconds")
    labels = {
        "policy": "tab:orange",
        "policy's thread waits": "tab:red",
        "actions sent, step not yet fetched": "tab:blue",
    }
    figure.legend(
        handles=[Patch(color=colour, label=label) for label, colour in labels.items()], loc="upper center", ncols=3
    )
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("published", "native"), default="native")
    parser.add_argument("--policy", default=LINEAR, help=f"{LINEAR}, or a policy of the trainers")
    parser.add_argument("--worlds", type=int, default=96, help="a multiple of 6, shared by the groups")
    parser.add_argument("--agents", type=int, default=24, help="agents of one world")
    parser.add_argument("--turns", type=int, default=20, help="turns of every group in a roll")
    parser.add_argument("--rounds", type=int, default=41, help="rolls of every arrangement; 2 or more")
    parser.add_argument("--timeline", type=Path, default=Path(tempfile.gettempdir()) / "rollout-timeline.png")
    arguments = parser.parse_args()
    if arguments.worlds < 1 or arguments.worlds % 6:
        parser.error(f"--worlds {arguments.worlds} cannot be shared by 1, 2 and 3 groups; use a multiple of 6")
    if arguments.rounds < 2:
        parser.error(f"--rounds {arguments.rounds}: quartiles need 2 or more")
    torch.set_num_threads(1)
    print(
        f"{platform.processor() or platform.machine()}, {psutil.cpu_count(logical=False)} cores, "
        f"load {os.getloadavg()[0]:.1f}; torch {torch.__version__}; engine {arguments.engine}, policy "
        f"{arguments.policy}, {arguments.worlds} worlds x {arguments.agents} agents"
    )
    measured = measure(arguments)
    report(measured)
    draw(measured, arguments.timeline)
    print(f"timeline: {arguments.timeline}")


if __name__ == "__main__":
    main()

"""End-to-end speed of both trainers, and where their time goes.

    python -m benchmarks.gpu_training [--trainers puffer native] [--engines native published] [--policies small full]
        [--precisions float32 bfloat16] [--compile off on] [--epochs 4]

One line a combination, each in a process of its own: agent-steps per second and the share of each stage, over all
epochs but the first, which builds caches and compiles. On a GPU with the published sizes (configs/*/metta.*), on the
CPU with configs/*/arena-small.* and a quarter of its batch. `small` and `full` are the policies `small` and `fast`.
Stages are timed by the host: on a GPU the time of a kernel counts where the host waits for it.
"""

import argparse
import itertools
import multiprocessing
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from metta_puffer.config.plan import RunPlan
from metta_puffer.config.resolver import resolve_native, resolve_puffer
from metta_puffer.errors import UserError
from metta_puffer.tracking.schema import MetricRecord
from metta_puffer.trainers import get_trainer

POLICIES = {"small": "small", "full": "fast"}
# Stages that hold no other stage, by trainer.
STAGES = {
    "native": ("environment", "forward", "copy", "train"),
    "puffer": ("rollout_env", "rollout_forward", "rollout_copy", "rollout_misc", "update"),
}
CPU_OVERRIDES = {
    "native": {
        "trainer.batch_size": 1536,
        "trainer.minibatch_size": 768,
        "trainer.forward_pass_minibatch_target_size": 24,
    },
    "puffer": {"env.num_worlds": 4, "train.minibatch_size": 768},
}


@dataclass(frozen=True)
class Case:
    trainer: str
    engine: str
    policy: str
    precision: str
    compile: bool

    def __str__(self) -> str:
        compiled = "compiled" if self.compile else "eager"
        return f"{self.trainer:<7} {self.engine:<10} {self.policy:<6} {self.precision:<9} {compiled:<9}"

    def plan(self, epochs: int, run_dir: str) -> RunPlan:
        """Raises UserError where the resolver refuses the combination."""
        on_gpu = torch.cuda.is_available()
        name = "metta" if on_gpu else "arena-small"
        common = {"env.engine": self.engine}
        own: dict[str, Any]
        if self.trainer == "native":
            own = {"policy.name": POLICIES[self.policy], "precision": self.precision, "trainer.compile": self.compile}
            resolve, file, budget = resolve_native, f"configs/native/{name}.yaml", "trainer.total_timesteps"
        else:
            own = {
                "base.policy_name": POLICIES[self.policy],
                "train.precision": self.precision,
                "train.compile": self.compile,
            }
            resolve, file, budget = resolve_puffer, f"configs/puffer/{name}.ini", "train.total_timesteps"
        overrides = common | own | ({} if on_gpu else CPU_OVERRIDES[self.trainer])
        sizes = resolve(file, overrides, run_dir=run_dir).batch
        return resolve(file, overrides | {budget: epochs * sizes.agent_steps_collected_per_epoch}, run_dir=run_dir)


class Records:
    """Keeps what a trainer reports."""

    def __init__(self) -> None:
        self.records: list[MetricRecord] = []

    def log(self, record: MetricRecord) -> None:
        self.records.append(record)

    def close(self) -> None:
        pass


def measured(case: Case, epochs: int) -> str:
    """One line's figures. Runs in a process of its own."""
    with tempfile.TemporaryDirectory() as run_dir:
        try:
            plan = case.plan(epochs, run_dir)
        except UserError as error:
            return f"not possible: {str(error).splitlines()[0]}"
        sink = Records()
        get_trainer(case.trainer)(plan, sink)
    first, *rest = sink.records
    seconds = rest[-1].wall_seconds - first.wall_seconds
    speed = (rest[-1].agent_steps - first.agent_steps) / seconds
    spent = {stage: sum(one.values.get(f"seconds/{stage}", 0.0) for one in rest) for stage in STAGES[case.trainer]}
    spent["other"] = max(0.0, seconds - sum(spent.values()))
    shares = "  ".join(f"{stage} {value / seconds:.0%}" for stage, value in spent.items())
    return f"{speed:12,.0f} agent-steps/s   {shares}"


def cases(arguments: argparse.Namespace) -> Iterator[Case]:
    for values in itertools.product(
        arguments.trainers, arguments.engines, arguments.policies, arguments.precisions, arguments.compile
    ):
        *names, compiled = values
        yield Case(*names, compile=compiled == "on")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    on_gpu = torch.cuda.is_available()
    for name, choices in (
        ("trainers", ("puffer", "native")),
        ("engines", ("native", "published")),
        ("policies", tuple(POLICIES)),
        ("precisions", ("float32", "bfloat16")),
    ):
        parser.add_argument(f"--{name}", nargs="+", choices=choices, default=choices)
    parser.add_argument(
        "--compile", nargs="+", choices=("off", "on"), default=("off", "on") if on_gpu else ("off",),
        help="torch.compile (default: both on a GPU, off on the CPU)",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, default=4, help="rounds of rollout and update, the first not counted")
    arguments = parser.parse_args()
    if arguments.epochs < 2:
        parser.error(f"--epochs {arguments.epochs}: the first is not counted; use 2 or more")
    hardware = torch.cuda.get_device_name() if on_gpu else f"{platform.processor() or platform.machine()} CPU"
    print(
        f"{hardware}, {psutil.cpu_count(logical=False)} cores, load {os.getloadavg()[0]:.1f}; torch {torch.__version__}"
    )
    if not on_gpu:
        print("no GPU here: small sizes on the CPU. Not run, and open: configs/*/metta.* on a GPU")
    if "on" not in arguments.compile:
        print("not run: torch.compile (--compile off on)")
    print(f"{'trainer':<7} {'engine':<10} {'policy':<6} {'precision':<9}")
    context = multiprocessing.get_context("spawn")
    for case in cases(arguments):
        with context.Pool(1) as pool:
            print(f"{case} {pool.apply(measured, (case, arguments.epochs))}", flush=True)


if __name__ == "__main__":
    main()

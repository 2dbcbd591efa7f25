"""The two trainers, chosen by name. Each is `train(plan, sink) -> RunResult`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from metta_puffer.config.plan import RunPlan, TrainerName
from metta_puffer.tracking.schema import MetricSink


@dataclass(frozen=True)
class RunResult:
    """What a finished or interrupted run leaves behind."""

    status: Literal["finished", "interrupted"]
    epochs: int
    agent_steps: int
    gradient_updates: int
    wall_seconds: float
    checkpoint: str | None  # newest complete checkpoint, a path


Trainer = Callable[[RunPlan, MetricSink], RunResult]


def get_trainer(name: TrainerName) -> Trainer:
    # Imported on use: each pulls in torch, and PufferLib's import has process-wide side effects.
    if name == "puffer":
        from metta_puffer.puffer.train import train as train_puffer

        return train_puffer
    from metta_puffer.native.trainer import train as train_native

    return train_native

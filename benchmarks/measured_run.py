"""A real training run in a process of its own, and the memory it took.

.venv/bin/python -m benchmarks.measured_run puffer configs/puffer/arena-small.ini train.minibatch_size=6144
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS = 3


@dataclass(frozen=True)
class Measured:
    """`own_bytes`: largest resident set of the training process (VmHWM) without `file_bytes`, its pages of mapped files
    at the end (RssFile: the libraries' code). `worker_bytes`: pages that belong to each worker process alone (USS,
    after the last round); what workers share with the training process counts there."""

    own_bytes: int
    file_bytes: int
    worker_bytes: tuple[int, ...]


def measured_run(trainer: str, file: str | Path, overrides: Mapping[str, Any], *, timeout_seconds: float) -> Measured:
    """Trains `ROUNDS` rounds on one torch thread."""
    words = [f"{key}={value}" for key, value in overrides.items()]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measured_run", trainer, str(file), *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{trainer} {file} {words} did not train:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Measured(found["own_bytes"], found["file_bytes"], tuple(found["worker_bytes"]))


class _Sink:
    """Drops records, and looks at the worker processes while they are there."""

    worker_bytes: tuple[int, ...] = ()

    def log(self, record: Any) -> None:
        import psutil

        self.worker_bytes = tuple(child.memory_full_info().uss for child in psutil.Process().children())

    def close(self) -> None:
        pass


def _train(trainer: str, file: str, words: list[str]) -> Measured:
    from metta_puffer.config.resolver import resolve_native, resolve_puffer
    from metta_puffer.trainers import get_trainer

    resolve = resolve_puffer if trainer == "puffer" else resolve_native
    overrides: dict[str, Any] = dict(word.split("=", 1) for word in words)
    with tempfile.TemporaryDirectory() as folder:
        plan = resolve(file, overrides, run_dir=f"{folder}/run")
        budget = ROUNDS * plan.batch.agent_steps_collected_per_epoch
        plan = resolve(
            file,
            overrides | {"train.total_timesteps" if trainer == "puffer" else "trainer.total_timesteps": budget},
            run_dir=f"{folder}/run",
        )
        sink = _Sink()
        get_trainer(plan.trainer)(plan, sink)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak, files = (int(status[name].split()[0]) * 1024 for name in ("VmHWM", "RssFile"))
    return Measured(peak - files, files, sink.worker_bytes)


if __name__ == "__main__":
    print(json.dumps(vars(_train(sys.argv[1], sys.argv[2], sys.argv[3:]))))

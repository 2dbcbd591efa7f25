"""A worker whose trainer is a fake one: seconds instead of minutes, with checkpoints, failures and scores on demand.

`plan.extra` steers it: `score` (final), `noise`, `pause_seconds` a round, `fail_at_epoch`. So do the environment
variables FAKE_PAUSE_SECONDS, FAKE_FAIL_ARM and FAKE_NATIVE_SCORE, where plans come from configuration files.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from compare import evaluation, worker
from compare.rundir import Run
from metta_puffer import trainers
from metta_puffer.config.plan import RunPlan
from metta_puffer.tracking.jsonl import JsonlSink, read_records
from metta_puffer.tracking.schema import MetricRecord, MetricSink


@contextmanager
def undivided() -> Iterator[None]:
    """As the real trainers do: a request to stop that comes meanwhile is heard at the end."""
    asked = []
    before = signal.signal(signal.SIGINT, lambda *_: asked.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt


def train(plan: RunPlan, sink: MetricSink) -> trainers.RunResult:
    batch, extra = plan.batch, dict(plan.extra)
    extra.setdefault("pause_seconds", float(os.environ.get("FAKE_PAUSE_SECONDS", "0")))
    if os.environ.get("FAKE_FAIL_ARM") == plan.trainer:
        extra["fail_at_epoch"] = 3
    checkpoint = Path(plan.run_dir) / "checkpoint.json"
    epoch = json.loads(checkpoint.read_text())["epoch"] if checkpoint.exists() else 0
    if "FAKE_NATIVE_SCORE" in os.environ and plan.trainer == "native":
        extra["score"] = float(os.environ["FAKE_NATIVE_SCORE"])
    print(f"training {plan.trainer} from epoch {epoch}")
    arm = ("puffer", "native").index(plan.trainer)
    level = np.random.default_rng([arm, plan.seed]).normal(extra.get("score", 1.0), extra.get("noise", 0.1))
    status = "finished"
    while epoch < batch.total_epochs and (plan.total_wall_seconds is None or epoch * 0.5 < plan.total_wall_seconds):
        epoch += 1
        if epoch == extra.get("fail_at_epoch"):
            raise RuntimeError("the fake trainer was told to fail")
        share = epoch / batch.total_epochs
        record = MetricRecord(
            epoch,
            epoch * batch.batch_size,
            epoch * batch.batch_size // plan.env.agents_per_env,
            epoch * batch.gradient_updates_per_epoch,
            epoch * 0.5,
            {"score": level * (1 - np.exp(-3 * share)), "seconds/environment": 0.3, "seconds/learn": 0.2},
        )
        try:
            time.sleep(extra["pause_seconds"])
            with undivided():
                sink.log(record)
                draft = checkpoint.with_suffix(f".{os.getpid()}")
                draft.write_text(json.dumps({"epoch": epoch}))
                os.replace(draft, checkpoint)
        except KeyboardInterrupt:
            status = "interrupted"
            break
    return trainers.RunResult(
        status, epoch, epoch * batch.batch_size, epoch * batch.gradient_updates_per_epoch, epoch * 0.5, str(checkpoint)
    )


def evaluate(run: Run, episodes: int, marks: int) -> None:
    """As if the last policy had been judged: a tenth better than in training."""
    last = read_records(run.metrics)[-1]
    values = {"evaluation/sampled": 1.1 * last.values["score"], "evaluation/deterministic": last.values["score"]}
    with JsonlSink(run.dir / evaluation.EVALUATIONS_FILE) as sink:
        sink.log(replace(last, values=values))


if __name__ == "__main__":
    trainers.get_trainer = lambda name: train
    worker.evaluate = evaluate
    sys.exit(worker.main())

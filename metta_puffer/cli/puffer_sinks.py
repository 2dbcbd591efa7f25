"""Where the records of a run started by hand go: its folder, the terminal, and wandb when asked."""

import argparse
import logging
import sys
import time
from pathlib import Path

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.tracking.jsonl import METRICS_FILE, PLAN_FILE, JsonlSink
from metta_puffer.tracking.multi import MultiSink
from metta_puffer.tracking.schema import MetricRecord, MetricSink

LOG_FILE = "train.log"
SECONDS_BETWEEN_LINES = 5.0


class NoSink:
    """For ranks that do not log."""

    def log(self, record: MetricRecord) -> None:
        pass

    def close(self) -> None:
        pass


class ProgressLines:
    """One line now and then, for terminals without PufferLib's dashboard and for log files."""

    def __init__(self, total_agent_steps: int) -> None:
        self.total_agent_steps = total_agent_steps
        self._next = 0.0
        self._score: float | None = None

    def log(self, record: MetricRecord) -> None:
        self._score = record.values.get("score", self._score)
        now = time.monotonic()
        if now < self._next and record.agent_steps < self.total_agent_steps:
            return
        self._next = now + SECONDS_BETWEEN_LINES
        rate = record.values["throughput/agent_steps_per_second"]
        left = max(0, self.total_agent_steps - record.agent_steps) / rate
        score = "no episode yet" if self._score is None else f"{self._score:.3f}"
        print(
            f"epoch {record.epoch}  {record.agent_steps / self.total_agent_steps:4.0%} of "
            f"{self.total_agent_steps} agent-steps  {rate:,.0f} agent-steps/s  {left:.0f} s left  score {score}",
            flush=True,
        )

    def close(self) -> None:
        pass


def open_sink(options: argparse.Namespace, plan: RunPlan, *, first_rank: bool) -> MetricSink:
    """Raises UserError when the run's folder cannot be written or wandb cannot start."""
    if not first_rank:
        return NoSink()
    sinks: list[MetricSink] = [JsonlSink(Path(plan.run_dir) / METRICS_FILE)]
    plan_file = Path(plan.run_dir) / PLAN_FILE
    if not plan_file.exists():  # a resumed run keeps the plan it began with
        plan_file.write_text(plan.model_dump_json(indent=1))
    if not plan.extra.get("dashboard"):
        sinks.append(ProgressLines(plan.batch.total_timesteps))
    if options.wandb:
        sinks.append(_wandb(options, plan))
    return MultiSink(*sinks)


def _wandb(options: argparse.Namespace, plan: RunPlan) -> MetricSink:
    import wandb

    from metta_puffer.tracking.wandb_sink import WandbSink

    try:
        return WandbSink(
            project=options.wandb_project,
            group=options.wandb_group,
            run_id=Path(plan.run_dir).name,
            run_dir=plan.run_dir,
            config=plan.model_dump(mode="json"),
        )
    except wandb.errors.Error as error:
        raise UserError(
            f"wandb did not start: {error}",
            key="--wandb",
            remedy="run `wandb login`, or set WANDB_MODE=offline to keep the logs in the run's folder",
        ) from error


def log_to_file(run_dir: str) -> None:
    """Copies log lines (which kernel runs, what the resolver changed) into the run's folder."""
    handler = logging.FileHandler(Path(run_dir) / LOG_FILE)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.info("puffer %s", " ".join(sys.argv[1:]))

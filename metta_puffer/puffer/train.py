"""Training with PuffeRL, unmodified: drive its rounds, measure, save, resume.

One round is `evaluate()` (a rollout that fills the buffer) and `train()` (the minibatch updates). The stock loop
adds at least 32 rollouts after the last update that count as agent-steps; this one ends at the budget.
"""

import errno
import os
import random
import time
from typing import Any

import numpy as np
import torch

from metta_puffer.config.plan import RunPlan
from metta_puffer.puffer.checkpoints import Progress, Saved, read_saved, restore, save_checkpoint, save_resume_state
from metta_puffer.puffer.contained import autocast_restored, pufferl
from metta_puffer.puffer.interrupts import Interrupts, noted_interrupts
from metta_puffer.puffer.measure import StageClock, environment_values, loss_values
from metta_puffer.puffer.ranks import Ranks, joined_ranks
from metta_puffer.puffer.trainer import log_this_round, open_trainer
from metta_puffer.puffer.vecenv import open_vecenv
from metta_puffer.tracking.initial_weights import record_initial_weights
from metta_puffer.tracking.schema import MetricRecord, MetricSink
from metta_puffer.tracking.write_failures import WriteFailures
from metta_puffer.trainers import RunResult


def train(plan: RunPlan, sink: MetricSink) -> RunResult:
    """Trains to the budget, one record a round. Resumes where plan.run_dir holds a run saved from the same plan.

    Ctrl-C (SIGINT) or SIGTERM finishes the round, saves, and gives status "interrupted"; a second one raises
    KeyboardInterrupt. The sink is not closed. Raises NotWrittenError where a failed write ended the run or left its
    end unsaved, and UserError for what the user can mend: sizes that PuffeRL refuses, a folder that cannot be written,
    another run's folder, a device that is too small.
    """
    pufferl()
    with joined_ranks(plan.device) as ranks, autocast_restored(torch.device(plan.device).type):
        saved = read_saved(plan)
        done = saved.progress if saved else Progress()
        # A resumed run meets new worlds rather than those it began with; every rank has its own.
        world_seed = (plan.env.seed + (done.epoch * ranks.count + ranks.rank) * plan.env.envs) % 2**31
        seed_everything(plan.seed + ranks.rank)
        with (
            open_vecenv(plan.env, seed=world_seed) as vecenv,
            open_trainer(plan, vecenv, seed=world_seed, ranks=ranks) as trainer,
            noted_interrupts() as interrupts,
        ):
            return Run(plan, trainer, ranks, saved).to_the_end(sink, interrupts)


def seed_everything(seed: int) -> None:
    """PuffeRL leaves these streams alone, so that its sampling would differ from run to run."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


class Run:
    """The rounds of one run: counts, records and checkpoints around a PuffeRL."""

    def __init__(self, plan: RunPlan, trainer: Any, ranks: Ranks, saved: Saved | None) -> None:
        self.plan, self.trainer, self.ranks = plan, trainer, ranks
        self.progress = saved.progress if saved else Progress()
        self._checkpoint = saved.model_path if saved else None
        self._saved_epoch, self._saved_seconds = self.progress.epoch, self.progress.wall_seconds
        self._failures = WriteFailures(plan.checkpoint_on_failure)
        if saved:
            restore(trainer, saved)
        elif ranks.first:
            record_initial_weights(trainer.uncompiled_policy, plan.run_dir)
        if ranks.count > 1 and self.progress.epoch:  # the saved random streams are those of the first rank
            seed_everything(plan.seed + self.progress.epoch * ranks.count + ranks.rank)
        self._started = time.monotonic() - self.progress.wall_seconds
        self._time_is_up = self._out_of_time()
        self._clock = StageClock(trainer.profile)

    @property
    def finished(self) -> bool:
        return self._time_is_up or self.progress.agent_steps >= self.plan.batch.total_timesteps

    def _out_of_time(self) -> bool:
        """The same on every rank: each has a clock of its own."""
        limit = self.plan.total_wall_seconds
        return self.ranks.any(limit is not None and self.progress.wall_seconds >= limit)

    def to_the_end(self, sink: MetricSink, interrupts: Interrupts) -> RunResult:
        while not self.finished:
            record = self.round()
            self._time_is_up = self._out_of_time()
            if self.ranks.first:
                with self._failures.noted("metrics", f"of epoch {record.epoch}"):
                    sink.log(record)
            stopping = self.ranks.any(interrupts.asked or self._failures.stop)
            since_last = self.progress.wall_seconds - self._saved_seconds
            due = self.ranks.any(self.plan.checkpoint_is_due(self.progress.epoch, since_last))
            if stopping or self.finished or due:
                self.save()
                stopping = self.ranks.any(stopping or self._failures.stop)
            if stopping:
                break
        self._failures.check_end(saved=self._saved_epoch == self.progress.epoch, newest=self._checkpoint)
        return RunResult(
            status="finished" if self.finished else "interrupted",
            epochs=self.progress.epoch,
            agent_steps=self.progress.agent_steps,
            gradient_updates=self.gradient_updates,
            wall_seconds=self.progress.wall_seconds,
            checkpoint=self._checkpoint,
        )

    @property
    def gradient_updates(self) -> int:
        return self.progress.epoch * self.plan.batch.gradient_updates_per_epoch

    def round(self) -> MetricRecord:
        """One rollout and its update."""
        began = time.monotonic()
        trainer = self.trainer
        learning_rate = trainer.optimizer.param_groups[0]["lr"]
        # Under reduced precision the rollout's converted weights carry no gradient and must not reach the update.
        torch.clear_autocast_cache()
        # Read before train(), which replaces the samples by their means.
        environment = environment_values(self.ranks.merged(trainer.evaluate()))
        torch.clear_autocast_cache()
        log_this_round(trainer)
        trainer.train()
        now = time.monotonic()
        before = self.progress
        self.progress = Progress(trainer.epoch, trainer.global_step * self.ranks.count, now - self._started)
        return MetricRecord(
            epoch=self.progress.epoch,
            agent_steps=self.progress.agent_steps,
            env_steps=self.progress.agent_steps // self.plan.env.agents_per_world,
            gradient_updates=self.gradient_updates,
            wall_seconds=self.progress.wall_seconds,
            values={
                **environment,
                **loss_values(trainer.losses),
                **self._clock.lap(),
                "throughput/agent_steps_per_second": (self.progress.agent_steps - before.agent_steps) / (now - began),
                "train/learning_rate": learning_rate,
            },
        )

    def save(self) -> None:
        """PuffeRL's own files, then ours that makes them resumable."""
        self._saved_seconds = self.progress.wall_seconds
        if not self.ranks.first:
            self._saved_epoch = self.progress.epoch
            return
        with self._failures.noted("checkpoint", f"of epoch {self.progress.epoch}"):
            gone = self._checkpoint is not None and not os.path.exists(self._checkpoint)
            model_path = save_checkpoint(self.trainer, self.plan, self._checkpoint)
            save_resume_state(self.trainer, self.plan, self.progress, model_path)
            self._checkpoint, self._saved_epoch = model_path, self.progress.epoch
            if gone:
                raise FileNotFoundError(errno.ENOENT, "the older ones are gone: folder deleted", self.plan.run_dir)

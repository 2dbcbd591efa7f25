"""Our trainer: rollouts over groups of worlds that overlap with the policy, PPO updates, checkpoints, resume."""

import dataclasses
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.native.distributed import RankLostError, Ranks, open_ranks
from metta_puffer.native.experience import Experience
from metta_puffer.native.initial_policy import InitialPolicy
from metta_puffer.native.losses.registry import LossTerms
from metta_puffer.native.losses.term import Context
from metta_puffer.native.monitors import machine_values
from metta_puffer.native.optimizers import build_optimizer, end_update, learning_rate, set_numbers
from metta_puffer.native.rollout import Collected, Rollout
from metta_puffer.native.saving import Counters, Parts, Saving
from metta_puffer.native.schedules import Schedules
from metta_puffer.native.stopwatch import Stopwatch
from metta_puffer.native.update import DivergedError, Update, Updated
from metta_puffer.native.worlds import EnvFactory, metta_env, open_worlds
from metta_puffer.policies import build_policy
from metta_puffer.tracking.initial_weights import record_initial_weights
from metta_puffer.tracking.schema import MetricRecord, MetricSink
from metta_puffer.trainers import RunResult

log = logging.getLogger(__name__)

ONE_PRESS_SECONDS = 0.5
# torch could name them itself, but only by loading its compiler, whose threads a fork does not survive.
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_RANK_STRIDE = 1_000_003  # between the seeds of ranks, so that seed 1 on rank 0 is not seed 0 on rank 1
_DTYPES = {"uint8": torch.uint8, "float32": torch.float32}


def train(plan: RunPlan, sink: MetricSink, env_factory: EnvFactory = metta_env) -> RunResult:
    """Trains until the budget is spent or Ctrl-C is pressed; continues from the run folder's newest checkpoint.

    Ctrl-C or SIGTERM finishes the epoch and writes a checkpoint. Raises UserError for what the user can mend,
    DivergedError when a loss is no longer finite and RankLostError when another rank ends (with the last good
    checkpoint in the message), and NotWrittenError where a failed write ended the run or left its end unsaved. Under
    torchrun rank 0 writes the records and checkpoints of all.
    """
    with open_ranks(plan.device) as ranks:
        trainer = NativeTrainer(plan, sink, env_factory, ranks)
        try:
            with _interrupt_flag() as interrupted:
                return trainer.run(interrupted)
        except RankLostError as error:
            raise RankLostError(f"{error}. Last good checkpoint: {trainer.saving.last_good}") from error
        finally:
            trainer.close()


class NativeTrainer:
    """The parts of one run, and the counters that go with them, as of the last record."""

    def __init__(self, plan: RunPlan, sink: MetricSink, env_factory: EnvFactory, ranks: Ranks | None = None) -> None:
        _check(plan)
        self._ranks = ranks = ranks or Ranks()
        self._schedules = Schedules(plan)
        self.plan, self._sink = plan, sink
        self.saving = Saving(plan, ranks)
        self.counters = Counters()
        self._started = time.monotonic()
        self._wall_seconds_before = self._saved_seconds = 0.0
        self._stopwatch = Stopwatch()
        device = torch.device(plan.device)

        fresh = self.saving.resumed is None
        initial = InitialPolicy(plan.initial_policy) if fresh and plan.initial_policy is not None else None
        # Worlds of their own for every rank.
        worlds = plan.env.model_copy(update={"seed": plan.env.seed + ranks.rank * plan.env.envs})
        self._worlds = open_worlds(worlds, env_factory, self.saving.logs(), device=plan.device)
        driver = self._worlds.driver_env
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(plan.seed)
            self.policy: nn.Module = build_policy(plan.policy, driver).to(device)
            if initial is not None:
                initial.put_into(self.policy)
            width: Any = self.policy.get_submodule("actor").in_features
            self.losses = LossTerms(Context(plan, driver, width, driver.single_action_space.n)).to(device)
        # Streams of their own, so that neither depends on how often the other draws.
        self._generators = {
            name: torch.Generator(device).manual_seed((plan.seed + ranks.rank * _RANK_STRIDE) * 2 + offset)
            for offset, name in enumerate(("actions", "minibatches"))
        }
        trained = nn.ModuleDict({"policy": self.policy, "losses": self.losses})
        self.optimizer = build_optimizer(trained, plan.optimizer)
        end_update(self.optimizer)
        space = driver.single_observation_space
        self.experience = Experience(
            plan.batch,
            plan.rules,
            num_groups=self._worlds.num_groups,
            agents_per_group=self._worlds.agents_per_group,
            observation_shape=space.shape,
            observation_dtype=_DTYPES[str(space.dtype)],
            hidden_size=int(self.policy.hidden_size) if getattr(self.policy, "recurrent", False) else None,  # type: ignore[arg-type]
            device=device,
            advice=self.losses.advice,
            offload=plan.extra.get("cpu_offload", False),
        )
        mode = plan.extra.get("compile_mode", "default")
        trained_policy = torch.compile(self.policy, mode=mode) if plan.compile else self.policy
        self._rollout = Rollout(
            plan,
            self._worlds,
            self.policy,
            terms=self.losses,
            experience=self.experience,
            generator=self._generators["actions"],
        )
        self._update = Update(
            plan,
            trained_policy,  # type: ignore[arg-type]
            terms=self.losses,
            optimizer=self.optimizer,
            generator=self._generators["minibatches"],
            ranks=ranks,
        )
        self._parts = Parts(
            self.policy,
            self.losses,
            self.optimizer,
            self._generators,
            self._schedules,
            self._worlds,
            self._rollout,
            self._update,
        )
        if not fresh:
            self.counters = self.saving.put_back(self._parts)
            self._wall_seconds_before = self._saved_seconds = self.counters.wall_seconds
        elif ranks.first:
            record_initial_weights(self.policy, plan.run_dir)

    def run(self, interrupted: Callable[[], bool]) -> RunResult:
        self._started = time.monotonic()
        self._worlds.reset()
        if self.saving.resumed is not None:
            self.saving.put_back_rollout(self._rollout)
        while not self._finished() and not self._ranks.any(interrupted() or self.saving.failures.stop):
            self._one_epoch()
            since_last = self.counters.wall_seconds - self._saved_seconds
            if self._ranks.any(self.plan.checkpoint_is_due(self.counters.epoch, since_last)):
                self.save()
        finished = self._finished()
        if self.saving.saved_epoch != self.counters.epoch:
            self.save()
        saved = str(self.saving.newest) if self.saving.newest else None
        self.saving.failures.check_end(saved=self.saving.saved_epoch == self.counters.epoch, newest=saved)
        return RunResult(
            status="finished" if finished else "interrupted",
            epochs=self.counters.epoch,
            agent_steps=self.counters.agent_steps,
            gradient_updates=self.counters.gradient_updates,
            wall_seconds=self._wall_seconds(),
            checkpoint=saved,
        )

    def save(self) -> None:
        """Writes a checkpoint of this moment, between two epochs."""
        self.saving.save(self._parts, dataclasses.replace(self.counters, wall_seconds=self._wall_seconds()))
        self._saved_seconds = self.counters.wall_seconds

    def close(self) -> None:
        self._worlds.close()

    def _finished(self) -> bool:
        limit = self.plan.total_wall_seconds
        out_of_time = self._ranks.any(limit is not None and self.counters.wall_seconds >= limit)
        return out_of_time or self.counters.agent_steps >= self.plan.batch.total_timesteps

    def _wall_seconds(self) -> float:
        return self._wall_seconds_before + time.monotonic() - self._started

    def _one_epoch(self) -> None:
        began = time.monotonic()
        before = self.counters
        now = self._rollout.plan = self._update.plan = self._schedules.at(before.agent_steps)
        self.losses.begin(before.epoch, before.agent_steps, now.losses)
        # The plan counts the epochs that one rank needs for the budget.
        rate = learning_rate(now.optimizer, before.epoch, math.ceil(now.batch.total_epochs / self._ranks.count))
        set_numbers(self.optimizer, now.optimizer, rate)
        try:
            self._check_weights()
            collected = self._rollout.collect(self._stopwatch)
            with self._stopwatch("train"):
                updated = self._update.run(self.experience, before.epoch)
        except DivergedError as error:
            where = f"epoch {before.epoch}: {error}, after {before.agent_steps:,} agent-steps"
            raise DivergedError(f"{where}. Last good checkpoint: {self.saving.last_good}") from error
        collected, updated = self._of_all_ranks(collected, updated)
        speed = collected.agent_steps / (time.monotonic() - began)
        values = self._values(collected, updated, rate, speed)
        self.counters = Counters(
            before.epoch + 1,
            before.agent_steps + collected.agent_steps,
            before.env_steps + collected.env_steps,
            before.gradient_updates + updated.gradient_updates,
            self._wall_seconds(),
        )
        self._schedules.observe(self._ranks.gather(values)[0])  # ranks differ in their clocks, not in what follows one
        if self._ranks.first:
            with self.saving.failures.noted("metrics", f"of epoch {self.counters.epoch}"):
                self._sink.log(MetricRecord(**dataclasses.asdict(self.counters), values=values))

    def _of_all_ranks(self, collected: Collected, updated: Updated) -> tuple[Collected, Updated]:
        """Agent-steps and episodes of every rank together, losses averaged over them."""
        if self._ranks.count == 1:
            return collected, updated
        together = Collected()
        for one in self._ranks.gather(collected):
            together.agent_steps += one.agent_steps
            together.env_steps += one.env_steps
            for name, values in one.episodes.items():
                together.episodes[name] += values
        every = [one.losses for one in self._ranks.gather(updated)]
        losses = {name: sum(one[name] for one in every) / len(every) for name in updated.losses}
        return together, dataclasses.replace(updated, losses=losses)

    def _check_weights(self) -> None:
        # Once a round: sampling an action from NaN would end a CUDA context, not just the run.
        if not torch.stack([parameter.isfinite().all() for parameter in self.policy.parameters()]).all():
            bad = next(name for name, weights in self.policy.named_parameters() if not weights.isfinite().all())
            raise DivergedError(f"weights of {bad} are not finite")

    def _values(self, collected: Collected, updated: Updated, rate: float, speed: float) -> dict[str, float]:
        """What is reported of an epoch, by name."""
        means = {name: sum(values) / len(values) for name, values in collected.episodes.items() if values}
        values = {f"environment/{name}": mean for name, mean in means.items()}
        if "episode_return" in means:
            values["score"] = means["episode_return"]
        values |= {f"losses/{name}": value for name, value in updated.losses.items()}
        seconds = self._stopwatch.take()
        values |= {f"seconds/{stage}": value for stage, value in seconds.items()}
        values["throughput/agent_steps_per_second"] = speed
        training = seconds["train"]
        rollout = sum(seconds.values()) - training
        values["throughput/rollout_agent_steps_per_second"] = collected.agent_steps / rollout
        values["throughput/train_agent_steps_per_second"] = self._ranks.count * self.plan.batch.batch_size / training
        values |= updated.gradients | machine_values()
        values["train/learning_rate"] = rate
        values["train/stopped_early"] = float(updated.stopped_early)
        return {name: value for name, value in values.items() if math.isfinite(value)}


def _check(plan: RunPlan) -> None:
    if plan.rules.row_policy == "exact" and plan.batch.segments % plan.env.total_agents:
        raise UserError(
            f"{plan.batch.segments} rows cannot be shared evenly by {plan.env.total_agents} agents",
            key="trainer.batch_size",
            value=plan.batch.batch_size,
            remedy=f"use a multiple of {plan.env.total_agents * plan.batch.bptt_horizon} "
            "(agents x bptt_horizon), or rules.row_policy = upstream",
        )
    if plan.batch.segments < plan.env.total_agents:
        raise UserError(
            f"{plan.batch.segments} rows are fewer than {plan.env.total_agents} agents",
            key="trainer.batch_size",
            value=plan.batch.batch_size,
            remedy=f"use at least {plan.env.total_agents * plan.batch.bptt_horizon} (agents x bptt_horizon)",
        )
    mode = plan.extra.get("compile_mode", "default")
    if plan.compile and mode not in COMPILE_MODES:
        raise UserError(
            f"torch.compile has no such mode.{did_you_mean(mode, COMPILE_MODES)}",
            key="trainer.compile_mode",
            value=mode,
            remedy=f"use one of {', '.join(COMPILE_MODES)}",
        )
    if plan.device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("no CUDA device here", key="device", value=plan.device, remedy="use device = cpu")


@contextmanager
def _interrupt_flag() -> Iterator[Callable[[], bool]]:
    """A flag that Ctrl-C (SIGINT) or SIGTERM sets; a second Ctrl-C stops at once. Unset outside the main thread."""
    pressed = 0.0

    def on_interrupt(signum: int, frame: Any) -> None:
        nonlocal pressed
        # torchrun passes a terminal's Ctrl-C on to processes that got it already.
        if pressed and signum == signal.SIGINT and time.monotonic() - pressed > ONE_PRESS_SECONDS:
            raise KeyboardInterrupt
        if pressed:
            return
        pressed = time.monotonic()
        log.warning("finishing this epoch, then writing a checkpoint; press Ctrl-C again to stop at once")

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    # torchrun ends the ranks that are left with SIGTERM: they still have to say that one was lost.
    before = {number: signal.signal(number, on_interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: pressed > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

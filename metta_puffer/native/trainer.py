"""Our trainer: rollouts over groups of worlds that overlap with the policy, PPO updates, checkpoints, resume."""

import dataclasses
import errno
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.native import checkpoints, run_folder
from metta_puffer.native.checkpoints import Checkpoint
from metta_puffer.native.distributed import RankLostError, Ranks, open_ranks
from metta_puffer.native.experience import Experience
from metta_puffer.native.initial_policy import InitialPolicy
from metta_puffer.native.losses.registry import LossTerms
from metta_puffer.native.losses.term import Context
from metta_puffer.native.monitors import machine_values
from metta_puffer.native.optimizers import build_optimizer, end_update, learning_rate, set_learning_rate
from metta_puffer.native.replay import GroupLog
from metta_puffer.native.rollout import Collected, Rollout
from metta_puffer.native.schedules import Schedules
from metta_puffer.native.stopwatch import Stopwatch
from metta_puffer.native.update import DivergedError, Update, Updated
from metta_puffer.native.worlds import EnvFactory, metta_env, open_worlds
from metta_puffer.policies import build_policy
from metta_puffer.tracking.initial_weights import record_initial_weights
from metta_puffer.tracking.schema import MetricRecord, MetricSink
from metta_puffer.tracking.write_failures import WriteFailures
from metta_puffer.trainers import RunResult

log = logging.getLogger(__name__)

ONE_PRESS_SECONDS = 0.5
# torch could name them itself, but only by loading its compiler, whose threads a fork does not survive.
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_RANK_STRIDE = 1_000_003  # between the seeds of ranks, so that seed 1 on rank 0 is not seed 0 on rank 1
_LOG_PARTS = ("actions", "episodes", "ages")
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
            raise RankLostError(f"{error}. Last good checkpoint: {trainer.last_good}") from error
        finally:
            trainer.close()


class NativeTrainer:
    """The parts of one run, and the counters that go with them."""

    def __init__(self, plan: RunPlan, sink: MetricSink, env_factory: EnvFactory, ranks: Ranks | None = None) -> None:
        _check(plan)
        self._ranks = ranks = ranks or Ranks()
        self._schedules = Schedules(plan)
        self.plan, self._sink = plan, sink
        self.folder = Path(plan.run_dir) / checkpoints.CHECKPOINTS
        self._failures = WriteFailures(plan.checkpoint_on_failure)
        device = torch.device(plan.device)
        self.epoch = self.agent_steps = self.env_steps = self.gradient_updates = 0
        self._wall_seconds_before = self._recorded_seconds = 0.0
        self._stopwatch = Stopwatch()
        self.newest_checkpoint: Path | None = None

        resumed = self._newest()
        if resumed:
            resumed = _of_rank(resumed, ranks, str(self.newest_checkpoint))
        initial = None if resumed or plan.initial_policy is None else InitialPolicy(plan.initial_policy)
        # Worlds of their own for every rank.
        worlds = plan.env.model_copy(update={"seed": plan.env.seed + ranks.rank * plan.env.envs})
        logs = _logs(resumed, plan) if resumed else None
        self._worlds = open_worlds(worlds, env_factory, logs, device=plan.device)
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
        if resumed:
            self._restore(resumed)
        elif ranks.first:
            record_initial_weights(self.policy, plan.run_dir)
        self._resumed = resumed

    def run(self, interrupted: Callable[[], bool]) -> RunResult:
        started = time.monotonic()
        self._worlds.reset()
        if self._resumed:
            self._rollout.restore(_under("rollout", self._resumed.tensors))
        while not self._finished() and not self._ranks.any(interrupted() or self._failures.stop):
            self._one_epoch(started)
            if self.epoch % self.plan.checkpoint_interval_epochs == 0:
                self.save(started)
        finished = self._finished()
        if self._saved_epoch != self.epoch:
            self.save(started)
        saved = str(self.newest_checkpoint) if self.newest_checkpoint else None
        self._failures.check_end(saved=self._saved_epoch == self.epoch, newest=saved)
        return RunResult(
            status="finished" if finished else "interrupted",
            epochs=self.epoch,
            agent_steps=self.agent_steps,
            gradient_updates=self.gradient_updates,
            wall_seconds=self._wall_seconds(started),
            checkpoint=saved,
        )

    def close(self) -> None:
        self._worlds.close()

    @property
    def last_good(self) -> str:
        return str(self.newest_checkpoint or "none was written yet")

    def _finished(self) -> bool:
        limit = self.plan.total_wall_seconds
        out_of_time = self._ranks.any(limit is not None and self._recorded_seconds >= limit)
        return out_of_time or self.agent_steps >= self.plan.batch.total_timesteps

    def _wall_seconds(self, started: float) -> float:
        return self._wall_seconds_before + time.monotonic() - started

    def _one_epoch(self, started: float) -> None:
        began = time.monotonic()
        now = self._rollout.plan = self._update.plan = self._schedules.at(self.agent_steps)
        self.losses.begin(self.epoch, self.agent_steps)
        # The plan counts the epochs that one rank needs for the budget.
        rate = learning_rate(now.optimizer, self.epoch, math.ceil(now.batch.total_epochs / self._ranks.count))
        set_learning_rate(self.optimizer, rate)
        try:
            self._check_weights()
            collected = self._rollout.collect(self._stopwatch)
            with self._stopwatch("train"):
                updated = self._update.run(self.experience, self.epoch)
        except DivergedError as error:
            where = f"epoch {self.epoch}: {error}, after {self.agent_steps:,} agent-steps"
            raise DivergedError(f"{where}. Last good checkpoint: {self.last_good}") from error
        collected, updated = self._of_all_ranks(collected, updated)
        self.epoch += 1
        self.agent_steps += collected.agent_steps
        self.env_steps += collected.env_steps
        self.gradient_updates += updated.gradient_updates
        speed = collected.agent_steps / (time.monotonic() - began)
        record = self._record(collected, updated, rate, speed, started)
        self._recorded_seconds = record.wall_seconds
        self._schedules.observe(record.values)
        if self._ranks.first:
            with self._failures.noted("metrics", f"of epoch {self.epoch}"):
                self._sink.log(record)

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

    def _record(
        self, collected: Collected, updated: Updated, rate: float, speed: float, started: float
    ) -> MetricRecord:
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
        values["throughput/train_agent_steps_per_second"] = self.plan.batch.batch_size / training
        values |= updated.gradients | machine_values()
        values["train/learning_rate"] = rate
        values["train/stopped_early"] = float(updated.stopped_early)
        return MetricRecord(
            self.epoch,
            self.agent_steps,
            self.env_steps,
            self.gradient_updates,
            self._wall_seconds(started),
            {name: value for name, value in values.items() if math.isfinite(value)},
        )

    _saved_epoch = -1

    def save(self, started: float) -> None:
        """Writes a checkpoint, and copies it to where the run is kept. A failure is reported; see `WriteFailures`."""
        tensors, optimizer = checkpoints.flatten_optimizer(self.optimizer.state_dict())
        tensors |= {f"losses/{name}": tensor for name, tensor in self.losses.state_dict().items()}
        if self.plan.loss.l2_init_loss_coef:
            tensors |= {f"initial/{name}": weights for name, weights in self._update.initial_weights.items()}
        for rank, own in enumerate(self._ranks.gather(self._own_tensors())):
            tensors |= {f"rank/{rank}/{name}": tensor for name, tensor in own.items()}
        state: dict[str, Any] = {
            "epoch": self.epoch,
            "agent_steps": self.agent_steps,
            "env_steps": self.env_steps,
            "gradient_updates": self.gradient_updates,
            "wall_seconds": self._wall_seconds(started),
            "ranks": self._ranks.count,
            "optimizer": optimizer,
            "smoothed_metrics": self._schedules.smoothed,
            "plan": self.plan.model_dump(mode="json"),
        }
        checkpoint = Checkpoint(self.policy.state_dict(), tensors, state)
        if not self._ranks.first:
            self._saved_epoch = self.epoch
            return
        moment = f"of epoch {self.epoch}"
        with self._failures.noted("checkpoint", moment):
            gone = self.newest_checkpoint is not None and not self.newest_checkpoint.exists()
            self.newest_checkpoint = checkpoints.save(self.folder, self.epoch, checkpoint, self.plan.checkpoint_keep)
            self._saved_epoch = self.epoch
            if gone:
                raise FileNotFoundError(errno.ENOENT, "the older ones are gone: folder deleted", str(self.folder))
        if self.plan.upload_to is not None and self._saved_epoch == self.epoch:
            with self._failures.noted("copy of the checkpoint", moment):
                version = self.newest_checkpoint
                run_folder.publish(Path(self.plan.run_dir), self.plan.upload_to, version, self.plan.checkpoint_keep)

    def _own_tensors(self) -> dict[str, Tensor]:
        """What differs between ranks: random streams, recurrent state, what the worlds were sent."""
        tensors = {f"generator/{name}": generator.get_state() for name, generator in self._generators.items()}
        tensors |= {f"rollout/{name}": tensor for name, tensor in self._rollout.state().items()}
        for group, group_log in enumerate(self._worlds.logs):
            for name, array in zip(_LOG_PARTS, group_log.state(), strict=True):
                tensors[f"worlds/{group}/{name}"] = torch.from_numpy(array)
        for name, parameter in self.policy.named_parameters():
            if parameter.grad is not None:  # a partial accumulation, to be finished in the next epoch
                tensors[f"gradient/{name}"] = parameter.grad
        return tensors

    def _newest(self) -> Checkpoint | None:
        found = checkpoints.versions(self.folder)
        if not found:
            return None
        self.newest_checkpoint = found[-1]
        return checkpoints.load(found[-1])

    def _restore(self, checkpoint: Checkpoint) -> None:
        try:
            self.policy.load_state_dict(checkpoint.weights)
            self.losses.load_state_dict(_under("losses", checkpoint.tensors))
            checkpoints.restore_optimizer(self.optimizer, checkpoint.tensors, checkpoint.state["optimizer"])
            for name, generator in self._generators.items():
                generator.set_state(checkpoint.tensors[f"generator/{name}"])
            for name, gradient in _under("gradient", checkpoint.tensors).items():
                self.policy.get_parameter(name).grad = gradient.to(self.plan.device)
            self.epoch, self.agent_steps = checkpoint.state["epoch"], checkpoint.state["agent_steps"]
            self.env_steps, self.gradient_updates = checkpoint.state["env_steps"], checkpoint.state["gradient_updates"]
            self._schedules.smoothed = dict(checkpoint.state["smoothed_metrics"])
            self._update.initial_weights |= _under("initial", checkpoint.tensors)
            self._wall_seconds_before = self._recorded_seconds = checkpoint.state["wall_seconds"]
        except (RuntimeError, ValueError, KeyError) as error:
            raise _other_run(str(self.newest_checkpoint), str(error).splitlines()[0]) from error
        self._saved_epoch = self.epoch


def _logs(checkpoint: Checkpoint, plan: RunPlan) -> list[GroupLog]:
    """What the groups of worlds were sent. Raises UserError when the run had other worlds than the plan has."""
    env = plan.env
    before = checkpoint.state["plan"]["env"]
    for name in ("game", "game_options", "agents_per_env", "envs", "envs_per_forward", "seed"):
        if before[name] != getattr(env, name):
            raise _other_run(plan.run_dir, f"{name} was {before[name]!r} and now is {getattr(env, name)!r}")
    logs = []
    for group in range(env.groups):
        parts = _under(f"worlds/{group}", checkpoint.tensors)
        actions, episodes, ages = (parts[name].numpy() for name in _LOG_PARTS)
        logs.append(GroupLog.from_state((actions, episodes, ages), env.envs_per_forward, env.agents_per_env))
    return logs


def _of_rank(checkpoint: Checkpoint, ranks: Ranks, file: str) -> Checkpoint:
    """The checkpoint as one rank sees it. Raises UserError when another number of ranks wrote it."""
    before = checkpoint.state.get("ranks")
    if before != ranks.count:
        raise UserError(
            f"this checkpoint was written by {before} ranks, and now there are {ranks.count}",
            file=file,
            remedy=f"resume with torchrun --nproc-per-node {before}, or start in a fresh run folder",
        )
    tensors = checkpoint.tensors | _under(f"rank/{ranks.rank}", checkpoint.tensors)
    return dataclasses.replace(checkpoint, tensors=tensors)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def _other_run(file: str, what: str) -> UserError:
    return UserError(
        f"this checkpoint was written by a run with another policy, optimizer or worlds ({what})",
        file=file,
        remedy="resume with the settings the run was started with, or start in a fresh run folder",
    )


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

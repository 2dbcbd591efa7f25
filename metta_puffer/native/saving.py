"""A run's checkpoints: gathered from the parts of its trainer, written as versions, and put back when it goes on."""

import dataclasses
import errno
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints, run_folder
from metta_puffer.native.checkpoints import Checkpoint
from metta_puffer.native.distributed import Ranks
from metta_puffer.native.losses.registry import LossTerms
from metta_puffer.native.replay import GroupLog
from metta_puffer.native.rollout import Rollout
from metta_puffer.native.run_folder import CHECKPOINTS
from metta_puffer.native.schedules import Schedules
from metta_puffer.native.update import Update
from metta_puffer.native.worlds import WorldGroups
from metta_puffer.tracking.write_failures import WriteFailures

_LOG_PARTS = ("actions", "episodes", "ages")


@dataclass(frozen=True)
class Counters:
    """How far a run is, all ranks together."""

    epoch: int = 0
    agent_steps: int = 0
    env_steps: int = 0
    gradient_updates: int = 0
    wall_seconds: float = 0.0


@dataclass(frozen=True)
class Parts:
    """What of a trainer a resumed run needs as it was."""

    policy: nn.Module
    losses: LossTerms
    optimizer: Optimizer
    generators: dict[str, torch.Generator]
    schedules: Schedules
    worlds: WorldGroups
    rollout: Rollout
    update: Update

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """What the optimizer changes, by names that tell the policy's from the losses'."""
        return dict(nn.ModuleDict({"policy": self.policy, "losses": self.losses}).named_parameters())


class Saving:
    """The versions of one run: `resumed`, from which it goes on, and those that `save` writes.

    `resumed` is the newest one as this rank sees it, None for a fresh run. Raises UserError when it cannot be used.
    """

    def __init__(self, plan: RunPlan, ranks: Ranks) -> None:
        self._plan, self._ranks = plan, ranks
        self.failures = WriteFailures(plan.checkpoint_on_failure)
        self._folder = Path(plan.run_dir) / CHECKPOINTS
        found = checkpoints.versions(self._folder)
        self.newest = found[-1] if found else None
        self.resumed = self._of_rank(checkpoints.load(found[-1])) if found else None
        self.saved_epoch: int | None = None

    @property
    def last_good(self) -> str:
        """The newest version, whichever rank wrote it, or "none"."""
        found = checkpoints.versions(self._folder)
        return str(found[-1]) if found else "none"

    def logs(self) -> list[GroupLog] | None:
        """What the groups of worlds of the resumed run were sent. Raises UserError when the plan has other worlds."""
        if self.resumed is None:
            return None
        env = self._plan.env
        before = self.resumed.state["plan"]["env"]
        for name in ("game", "game_options", "agents_per_env", "envs", "envs_per_forward", "seed"):
            if before[name] != getattr(env, name):
                raise _other_run(self._plan.run_dir, f"{name} was {before[name]!r} and now is {getattr(env, name)!r}")
        logs = []
        for group in range(env.groups):
            parts = _under(f"worlds/{group}", self.resumed.tensors)
            actions, episodes, ages = (parts[name].numpy() for name in _LOG_PARTS)
            logs.append(GroupLog.from_state((actions, episodes, ages), env.envs_per_forward, env.agents_per_env))
        return logs

    def save(self, parts: Parts, counters: Counters) -> None:
        """Writes a version, and copies it to where the run is kept. A failure is reported; see `WriteFailures`."""
        checkpoint = self._gather(parts, counters)
        if not self._ranks.first:
            self.saved_epoch = counters.epoch
            return
        moment, keep = f"of epoch {counters.epoch}", self._plan.checkpoint_keep
        with self.failures.noted("checkpoint", moment):
            gone = self.newest is not None and not self.newest.exists()
            self.newest = checkpoints.save(self._folder, counters.epoch, checkpoint, keep)
            self.saved_epoch = counters.epoch
            if gone:
                raise FileNotFoundError(errno.ENOENT, "the older ones are gone: folder deleted", str(self._folder))
        if self._plan.upload_to is not None and self.saved_epoch == counters.epoch:
            with self.failures.noted("copy of the checkpoint", moment):
                run_folder.publish(Path(self._plan.run_dir), self._plan.upload_to, self.newest, keep)

    def put_back(self, parts: Parts) -> Counters:
        """Everything but the rollout as the resumed version has it. Raises UserError when that has other parts."""
        assert self.resumed is not None
        tensors, state = self.resumed.tensors, self.resumed.state
        try:
            parts.policy.load_state_dict(self.resumed.weights)
            parts.losses.load_state_dict(_under("losses", tensors))
            checkpoints.restore_optimizer(parts.optimizer, tensors, state["optimizer"])
            for name, generator in parts.generators.items():
                generator.set_state(tensors[f"generator/{name}"])
            trained = parts.trained
            for name, gradient in _under("gradient", tensors).items():
                trained[name].grad = gradient.to(self._plan.device)
            parts.schedules.smoothed = dict(state["smoothed_metrics"])
            parts.update.initial_weights |= _under("initial", tensors)
            counters = Counters(**{field.name: state[field.name] for field in dataclasses.fields(Counters)})
        except (RuntimeError, ValueError, KeyError) as error:
            raise _other_run(str(self.newest), str(error).splitlines()[0]) from error
        self.saved_epoch = counters.epoch
        return counters

    def put_back_rollout(self, rollout: Rollout) -> None:
        """On worlds that have just been taken up where they were."""
        assert self.resumed is not None
        rollout.restore(_under("rollout", self.resumed.tensors))

    def _gather(self, parts: Parts, counters: Counters) -> Checkpoint:
        tensors, optimizer = checkpoints.flatten_optimizer(parts.optimizer.state_dict())
        tensors |= {f"losses/{name}": tensor for name, tensor in parts.losses.state_dict().items()}
        if self._plan.loss.l2_init_loss_coef:
            tensors |= {f"initial/{name}": weights for name, weights in parts.update.initial_weights.items()}
        for rank, own in enumerate(self._ranks.gather(_own_tensors(parts))):
            tensors |= {f"rank/{rank}/{name}": tensor for name, tensor in own.items()}
        state = dataclasses.asdict(counters) | {
            "ranks": self._ranks.count,
            "optimizer": optimizer,
            "smoothed_metrics": parts.schedules.smoothed,
            "plan": self._plan.model_dump(mode="json"),
        }
        return Checkpoint(parts.policy.state_dict(), tensors, state)

    def _of_rank(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint as one rank sees it. Raises UserError when another number of ranks wrote it."""
        before = checkpoint.state.get("ranks")
        if before != self._ranks.count:
            raise UserError(
                f"this checkpoint was written by {before} ranks, and now there are {self._ranks.count}",
                file=str(self.newest),
                remedy=f"resume with torchrun --nproc-per-node {before}, or start in a fresh run folder",
            )
        tensors = checkpoint.tensors | _under(f"rank/{self._ranks.rank}", checkpoint.tensors)
        return dataclasses.replace(checkpoint, tensors=tensors)


def _own_tensors(parts: Parts) -> dict[str, Tensor]:
    """What differs between ranks: random streams, recurrent state, what the worlds were sent."""
    tensors = {f"generator/{name}": generator.get_state() for name, generator in parts.generators.items()}
    tensors |= {f"rollout/{name}": tensor for name, tensor in parts.rollout.state().items()}
    for group, group_log in enumerate(parts.worlds.logs):
        for name, array in zip(_LOG_PARTS, group_log.state(), strict=True):
            tensors[f"worlds/{group}/{name}"] = torch.from_numpy(array)
    for name, parameter in parts.trained.items():
        if parameter.grad is not None:  # a partial accumulation, to be finished in the next epoch
            tensors[f"gradient/{name}"] = parameter.grad
    return tensors


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def _other_run(file: str, what: str) -> UserError:
    return UserError(
        f"this checkpoint was written by a run with another policy, optimizer or worlds ({what})",
        file=file,
        remedy="resume with the settings the run was started with, or start in a fresh run folder",
    )

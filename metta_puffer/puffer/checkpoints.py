"""What a run needs to go on where it stopped, and loading weights. PuffeRL itself writes but never reads.

PuffeRL's own files stay as they are: `model_<epoch>.pt` (policy state_dict) and `trainer_state.pt`. Beside them
stands `resume_state.pt`, written last and atomically: it names its model file, so that a run killed at any moment
resumes from a pair that belongs together.
"""

import errno
import io
import os
import pickle
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import nn

from metta_puffer import uris
from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.policies.weights import read_weights
from metta_puffer.tracking.write_failures import NotWrittenError

RESUME_FILE = "resume_state.pt"
FORMAT = 1
# Parts of a plan that may differ between a run and its continuation: they change nothing that is learned.
NOT_COMPARED = {
    "run_dir",
    "device",
    "extra",
    "notes",
    "checkpoint_interval_epochs",
    "checkpoint_interval_seconds",
    "checkpoint_on_failure",
}
_MODEL = re.compile(r"model_(\d+)\.pt")


@dataclass(frozen=True)
class Progress:
    """Counters of a run, all ranks together."""

    epoch: int = 0
    agent_steps: int = 0
    wall_seconds: float = 0.0


def save_resume_state(trainer: Any, plan: RunPlan, progress: Progress, model_path: str) -> None:
    """Writes RUN_DIR/resume_state.pt for a PuffeRL that has just saved `model_path`. Raises OSError."""
    state = {
        "format": FORMAT,
        "model_name": os.path.basename(model_path),
        "progress": asdict(progress),
        "global_step": trainer.global_step,
        "optimizer": plain(trainer.optimizer.state_dict()),
        "scheduler": trainer.scheduler.state_dict(),
        "random": random_state(),
        "plan": compared(plan),
    }
    path = Path(plan.run_dir) / RESUME_FILE
    partial = path.with_suffix(".tmp")
    with _removed_on_failure(partial):
        torch.save(state, partial)
        os.replace(partial, path)


def save_checkpoint(trainer: Any, plan: RunPlan, newest: str | None) -> str:
    """PuffeRL's own files of this epoch; gives the model's path. `newest` is the last one that is complete.

    Raises OSError when they cannot be written. PuffeRL takes a model file of this name for its own, whole or not, so
    one that a full disk or a kill left behind goes first.
    """
    model = Path(plan.run_dir) / f"model_{trainer.epoch:06d}.pt"
    if str(model) != newest:
        model.unlink(missing_ok=True)
    with _removed_on_failure(model, model.with_name("trainer_state.pt.tmp")):
        return str(type(trainer).save_checkpoint(trainer))


@contextmanager
def _removed_on_failure(*paths: Path) -> Iterator[None]:
    """What cannot be written whole is not left there. Raises OSError."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        for path in paths:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise
        # torch.save knows no better of a full disk.
        reason = f"torch.save could not write it ({str(error).splitlines()[0]})"
        raise OSError(errno.EIO, reason, str(paths[0])) from error


def resolve_model(location: uris.Location) -> str:
    """The model file that `location` names, a path or URI: a file, or RUN:vN, RUN:latest or plain RUN of a run folder.

    The latest is the one a resumed run would go on from. Raises UserError when there is none, naming the nearest.
    """
    run, wanted = uris.split_version(location)
    if run == os.fspath(location) and (run.endswith(".pt") or uris.is_file(run)):
        return run
    names = uris.names(run)
    if wanted is None and RESUME_FILE in names:
        state = load_file(uris.join(run, RESUME_FILE), allowed=classes_named_by("muon"))
        return uris.join(run, state["model_name"])
    models = {int(found[1]): name for name in names if (found := _MODEL.fullmatch(name))}
    return uris.join(run, models[uris.choose_version(run, wanted, models)])


def plain(value: Any) -> Any:
    """Dictionaries of any kind as dict: heavyball's Muon keeps defaultdicts, which weights_only loading refuses."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    return value


@dataclass(frozen=True)
class Saved:
    """What a run folder holds for going on: a checked resume state and the model file it names."""

    state: dict[str, Any]
    model_path: str

    @property
    def progress(self) -> Progress:
        return Progress(**self.state["progress"])


def read_saved(plan: RunPlan) -> Saved | None:
    """The saved run in plan.run_dir, None where there is none. Nothing is built for it.

    Raises UserError when the saved run is another one than the plan's, or its files are damaged.
    """
    path = Path(plan.run_dir) / RESUME_FILE
    if not path.exists():
        return None
    state = load_file(path, allowed=classes_named_by(plan.optimizer.type))
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError("is no resume state of this version", file=str(path), remedy="start the run in a new folder")
    require_same_plan(state["plan"], compared(plan), path)
    model_path = path.with_name(state["model_name"])
    load_file(model_path)
    return Saved(state, str(model_path))


def restore(trainer: Any, saved: Saved) -> None:
    """Puts a fresh PuffeRL back to where the saved run stopped. Raises UserError when the weights do not fit it."""
    state = saved.state
    load_policy(trainer.uncompiled_policy, saved.model_path)
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.scheduler.load_state_dict(state["scheduler"])
    trainer.epoch, trainer.global_step = saved.progress.epoch, state["global_step"]
    trainer.last_log_step = trainer.global_step
    restore_random_state(state["random"])


def publish_model(checkpoint: str | None, run_dir: str) -> str | None:
    """Copies a run's last weights to RUN_DIR.pt, where PufferLib leaves them; returns that path. NotWrittenError."""
    if checkpoint is None:
        return None
    target = f"{run_dir.rstrip('/')}.pt"
    try:
        with _removed_on_failure(Path(f"{target}.tmp")):
            shutil.copyfile(checkpoint, f"{target}.tmp")
            os.replace(f"{target}.tmp", target)
    except OSError as error:
        raise NotWrittenError(f"the weights are in {checkpoint}, but not copied to {target}: {error}") from error
    return target


def compared(plan: RunPlan) -> dict[str, Any]:
    return plan.model_dump(mode="json", exclude=NOT_COMPARED)


def require_same_plan(saved: Any, wanted: Any, path: Path, key: str = "") -> None:
    """Raises UserError naming the first setting in which two plans differ."""
    if isinstance(saved, dict) and isinstance(wanted, dict):
        for name in sorted(saved.keys() | wanted.keys()):
            require_same_plan(saved.get(name), wanted.get(name), path, f"{key}.{name}".lstrip("."))
    elif saved != wanted:
        raise UserError(
            f"the run saved here had {saved!r}",
            file=str(path),
            key=key,
            value=wanted,
            remedy="resume with the same settings, or start the run in a new folder",
        )


def random_state() -> dict[str, Any]:
    """Every random stream that training draws from, as plain numbers and tensors."""
    version, internal, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(internal), gauss],
        "numpy": [torch.from_numpy(np.asarray(keys, dtype=np.int64)), int(position), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def classes_named_by(optimizer: str) -> list[type]:
    """heavyball's Muon writes its own class's name into its settings; reading it back creates no object."""
    if optimizer != "muon":
        return []
    from heavyball import ForeachMuon

    return [ForeachMuon, set]


def load_file(path: uris.Location, allowed: list[Any] | None = None) -> Any:
    """torch.load of a path or URI that runs no code from the file (weights_only). UserError for anything unreadable."""
    content: Any = io.BytesIO(uris.read_bytes(path)) if uris.is_remote(path) else uris.local_path(path)
    try:
        with torch.serialization.safe_globals(allowed or []):
            return torch.load(content, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        folder = uris.local_path(path).parent
        near = did_you_mean(uris.name_of(path), [p.name for p in folder.glob("*.pt")] if folder.is_dir() else [])
        raise UserError(f"no such checkpoint.{near}", file=str(path), remedy="check the path") from error
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", file=str(path), remedy="check path and rights") from error
    except (RuntimeError, EOFError, pickle.UnpicklingError, BadZipFile, ValueError, KeyError) as error:
        raise UserError(
            "is damaged, or no checkpoint (it must hold tensors and plain values only)",
            file=str(path),
            remedy="give a model_*.pt that `puffer train` wrote",
        ) from error


def load_policy(policy: nn.Module, path: uris.Location) -> None:
    """Loads a PuffeRL model file, also one saved under DDP ('module.' before each name), or a native run's weights.

    Raises UserError when it is no state_dict or belongs to another policy or game, naming the first difference.
    """
    state = read_weights(path) if str(path).endswith(".safetensors") else load_file(path)
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise UserError("holds no policy weights", file=str(path), remedy="give a model_*.pt, not a trainer state")
    mine = policy.state_dict()
    prefix = "module." if any(name.startswith("module.") for name in mine) else ""
    state = {prefix + name.removeprefix("module."): tensor for name, tensor in state.items()}
    for name in [*mine, *(name for name in state if name not in mine)]:
        found, wanted = (weights[name].shape if name in weights else None for weights in (state, mine))
        if found != wanted:
            raise UserError(
                f"belongs to another policy or game: {name} is {_shape(found)}, expected {_shape(wanted)}",
                file=str(path),
                remedy="use the config and the game that the checkpoint was trained with",
            )
    policy.load_state_dict(state)


def _shape(shape: Any) -> str:
    return "missing" if shape is None else str(tuple(shape))

"""Checkpoints: one folder a version, written whole or not at all, read without running any code from it.

`CHECKPOINTS/v000012/` holds `weights.safetensors` (the policy), `state.safetensors` and `state.json` (everything else
a resumed run needs) and `manifest.json` (size and SHA-256 of each). The folder is filled under another name,
flushed to disk and renamed, so a version that exists is complete.
"""

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from metta_puffer.errors import UserError

FORMAT = "metta-puffer native checkpoint 1"
WEIGHTS, TENSORS, STATE, MANIFEST = "weights.safetensors", "state.safetensors", "state.json", "manifest.json"
_VERSION = re.compile(r"v(\d+)$")


@dataclass(frozen=True)
class Checkpoint:
    """What one version holds. `state` is JSON; `tensors` belong to it."""

    weights: dict[str, Tensor]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)


def versions(folder: Path) -> list[Path]:
    """Complete versions, oldest first; [] for a missing folder."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _VERSION.fullmatch(path.name) and (path / MANIFEST).is_file()]
    return sorted(found, key=lambda path: int(path.name[1:]))


def save(folder: Path, epoch: int, checkpoint: Checkpoint, keep: int | None = None) -> Path:
    """Writes version `epoch`, then deletes all but the `keep` newest versions (None keeps all). Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    target = folder / f"v{epoch:06d}"
    contents = {
        WEIGHTS: save_tensors(_owned(checkpoint.weights)),
        TENSORS: save_tensors(_owned(checkpoint.tensors)),
        STATE: json.dumps(checkpoint.state, indent=1).encode(),
    }
    files = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()}
    contents[MANIFEST] = json.dumps({"format": FORMAT, "epoch": epoch, "files": files}, indent=1).encode()
    writing = folder / f".writing-{target.name}-{os.getpid()}"
    writing.mkdir()
    for name, data in contents.items():
        with (writing / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    _flush_folder(writing)
    if target.exists():  # a run resumed from an older version gets here again
        target.rename(folder / f".old-{target.name}-{os.getpid()}")
    writing.rename(target)
    _flush_folder(folder)
    _sweep(folder)
    for old in versions(folder)[: -keep if keep else 0]:
        shutil.rmtree(old)
    return target


def load(version: Path) -> Checkpoint:
    """Reads and verifies one version. Raises UserError when it is missing, foreign or damaged."""
    try:
        manifest = json.loads((version / MANIFEST).read_bytes())
        if manifest["format"] != FORMAT:
            raise _unusable(version / MANIFEST, f"its format is {manifest['format']!r}, not {FORMAT!r}")
        data = {name: (version / name).read_bytes() for name in (WEIGHTS, TENSORS, STATE)}
        for name, content in data.items():
            entry = manifest["files"][name]
            if len(content) != entry["bytes"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
                raise _unusable(version / name, "its content does not match the manifest's size and checksum")
        return Checkpoint(load_tensors(data[WEIGHTS]), load_tensors(data[TENSORS]), json.loads(data[STATE]))
    except OSError as error:
        raise _unusable(Path(error.filename or version), error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _unusable(version / MANIFEST, f"it cannot be read ({error})") from error


def resolve(location: str | os.PathLike[str]) -> Path:
    """The version that `location` names: a version's folder, or a run's or checkpoints folder for the newest one.

    Raises UserError when there is none.
    """
    path = Path(location)
    if (path / MANIFEST).is_file():
        return path
    for folder in (path, path / "checkpoints"):
        found = versions(folder)
        if found:
            return found[-1]
    raise UserError(
        "no complete checkpoint of the native trainer there",
        file=str(path),
        remedy="name a run folder, or one of its checkpoints/vNNNNNN folders",
    )


def flatten_optimizer(state_dict: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, JSON) of an optimizer's `state_dict()`."""
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, Any]] = {}
    for index, entries in state_dict["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{index}/{name}"] = value
            else:
                scalars.setdefault(str(index), {})[name] = value
    return tensors, {"param_groups": state_dict["param_groups"], "scalars": scalars}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], described: dict[str, Any]) -> None:
    """Undoes `flatten_optimizer`. Raises ValueError when the optimizer has other parameters."""
    state: dict[int, dict[str, Any]] = {int(index): dict(entries) for index, entries in described["scalars"].items()}
    for key, tensor in tensors.items():
        kind, *rest = key.split("/", 2)
        if kind == "optimizer":
            state.setdefault(int(rest[0]), {})[rest[1]] = tensor.clone()
    optimizer.load_state_dict({"state": state, "param_groups": described["param_groups"]})


def _owned(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # safetensors refuses tensors that share memory; a clone shares none.
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Removes what a killed writer left behind; a version set aside is put back if its successor never came."""
    for leftover in folder.glob(".writing-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for aside in folder.glob(".old-*"):
        target = folder / aside.name.split("-")[1]
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(target)


def _unusable(file: Path, what: str) -> UserError:
    return UserError(
        f"not a usable checkpoint: {what}",
        file=str(file),
        remedy="choose another version, or start in a fresh run folder",
    )

"""Checkpoints: one folder a version, written whole or not at all, read without running any code from it.

`CHECKPOINTS/v000012/` holds `weights.safetensors` (the policy), `state.safetensors` and `state.json` (everything else
a resumed run needs) and `manifest.json` (size and SHA-256 of each). The folder is filled under another name,
flushed to disk and renamed, so a version that exists is complete. Behind a URI, where nothing can be renamed, the
manifest is written last and deleted first: a version without one is none.
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

from metta_puffer import uris
from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.native.run_folder import CHECKPOINTS

FORMAT = "metta-puffer native checkpoint 1"
WEIGHTS, TENSORS, STATE, MANIFEST = "weights.safetensors", "state.safetensors", "state.json", "manifest.json"
_VERSION = re.compile(r"v(\d+)$")


@dataclass(frozen=True)
class Checkpoint:
    """What one version holds. `state` is JSON; `tensors` belong to it."""

    weights: dict[str, Tensor]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)


def version_name(epoch: int) -> str:
    return f"v{epoch:06d}"


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
    target = folder / version_name(epoch)
    contents = {
        WEIGHTS: save_tensors(_owned(checkpoint.weights)),
        TENSORS: save_tensors(_owned(checkpoint.tensors)),
        STATE: json.dumps(checkpoint.state, indent=1).encode(),
    }
    files = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()}
    contents[MANIFEST] = json.dumps({"format": FORMAT, "epoch": epoch, "files": files}, indent=1).encode()
    writing = folder / f".writing-{target.name}-{os.getpid()}"
    try:
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
    except OSError:
        shutil.rmtree(writing, ignore_errors=True)  # on a full disk others need the room
        raise
    _flush_folder(folder)
    _sweep(folder)
    for old in versions(folder)[: -keep if keep else 0]:
        shutil.rmtree(old)
    return target


def load(version: uris.Location) -> Checkpoint:
    """Reads and verifies one version, a folder or a URI. Raises UserError when it is missing, foreign or damaged."""
    try:
        manifest = json.loads(uris.read_bytes(uris.join(version, MANIFEST)))
        if manifest["format"] != FORMAT:
            raise _unusable(uris.join(version, MANIFEST), f"its format is {manifest['format']!r}, not {FORMAT!r}")
        data = {name: _part(uris.join(version, name)) for name in (WEIGHTS, TENSORS, STATE)}
        for name, content in data.items():
            entry = manifest["files"][name]
            if len(content) != entry["bytes"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
                raise _unusable(uris.join(version, name), "its content does not match the manifest's size and checksum")
        return Checkpoint(load_tensors(data[WEIGHTS]), load_tensors(data[TENSORS]), json.loads(data[STATE]))
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _unusable(uris.join(version, MANIFEST), f"it cannot be read ({error})") from error


def plan_of(checkpoint: Checkpoint, version: uris.Location) -> RunPlan:
    """The plan that a checkpoint was trained by. Raises UserError where it holds none that this version understands."""
    try:
        return RunPlan.model_validate(checkpoint.state["plan"])
    except (KeyError, ValueError) as error:
        raise UserError(
            f"this checkpoint does not say how it was trained ({str(error).splitlines()[0]})",
            file=os.fspath(version),
            remedy="train again with this version, or use the version that wrote it",
        ) from error


def resolve(location: uris.Location) -> str:
    """The version that `location` names, a folder or a URI: RUN:vN, RUN:latest, a version's own folder, or a run's or
    its checkpoints folder for the newest one.

    Raises UserError when there is none, naming the nearest.
    """
    named, wanted = uris.split_version(location)
    if wanted is None and uris.is_file(uris.join(named, MANIFEST)):
        return named
    folder, numbers = _numbers(named)
    if not numbers and any(name.startswith("model_") and name.endswith(".pt") for name in uris.names(named)):
        raise UserError(
            "this is a run of the puffer trainer, whose checkpoints are PuffeRL's",
            file=named,
            remedy=f"play it with: puffer eval ENV_NAME --load-model-path {named}",
        )
    while True:
        number = uris.choose_version(named, wanted, numbers)
        version = uris.join(folder, numbers[number])
        if uris.is_file(uris.join(version, MANIFEST)):
            return version
        del numbers[number]  # half-written, or half-deleted


def resolve_all(location: uris.Location) -> list[str]:
    """All versions of the run that `location` names, oldest first. Raises UserError when there is none."""
    newest = resolve(location)
    folder = newest.rstrip("/").removesuffix(uris.name_of(newest))
    found = [name for name in uris.names(folder) if _VERSION.fullmatch(name)]
    found = [name for name in found if uris.is_file(uris.join(folder, name, MANIFEST))]
    return [uris.join(folder, name) for name in sorted(found, key=lambda name: int(name[1:]))]


def upload(version: Path, folder: uris.Location, keep: int | None = None) -> None:
    """Copies a version into `folder`, then deletes all but the `keep` newest there (None keeps all).

    Raises UserError; what was there before is then still whole, but for a version of the same name.
    """
    target = uris.join(folder, version.name)
    uris.remove(uris.join(target, MANIFEST))
    for name in (WEIGHTS, TENSORS, STATE, MANIFEST):
        uris.put(version / name, uris.join(target, name))
    _, numbers = _numbers(os.fspath(folder))
    for number in sorted(numbers)[: -keep if keep else 0]:
        uris.remove(uris.join(folder, numbers[number], MANIFEST))
        uris.remove(uris.join(folder, numbers[number]))


def download(version: uris.Location, folder: Path) -> Path:
    """Copies a verified version into `folder` of this machine. Raises UserError for a damaged one, OSError."""
    checkpoint = load(version)
    return save(folder, int(uris.name_of(version)[1:]), checkpoint)


def _part(file: str) -> bytes:
    try:
        return uris.read_bytes(file)
    except UserError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise _unusable(file, "the file is missing") from error
        raise


def _numbers(folder: str) -> tuple[str, dict[int, str]]:
    """(folder of versions, their names by number) of a run's folder or its checkpoints folder; ({}) for neither."""
    for place in (folder, uris.join(folder, CHECKPOINTS)):
        found = {int(name[1:]): name for name in uris.names(place) if _VERSION.fullmatch(name)}
        if found:
            return place, found
    return folder, {}


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


def _unusable(file: str, what: str) -> UserError:
    return UserError(
        f"not a usable checkpoint: {what}",
        file=file,
        remedy="choose another version, or start in a fresh run folder",
    )

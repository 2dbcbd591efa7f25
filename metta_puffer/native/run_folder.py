"""The folder of a run that is kept behind a URI: worked in on this machine, copied there with each checkpoint."""

import hashlib
import os
from pathlib import Path

from metta_puffer import uris
from metta_puffer.errors import UserError

RUNS = Path("runs")
CHECKPOINTS = "checkpoints"  # the folder of versions within a run's


def working_folder(location: uris.Location) -> Path:
    """Where a run is worked in: its own folder, or for a URI one of this machine under runs/, always the same."""
    if not uris.is_remote(location):
        return uris.local_path(location)
    text = os.fspath(location).rstrip("/")
    return RUNS / f"{uris.name_of(text)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def fetch(location: uris.Location, folder: Path) -> None:
    """Brings a run here when the place it is kept has a newer checkpoint than `folder`, or `folder` has none.

    The checkpoint comes last and verified, so that a fetch cut short is made again. Raises UserError.
    """
    from metta_puffer.native import checkpoints

    here = checkpoints.versions(folder / CHECKPOINTS)
    try:
        newest = checkpoints.resolve(location)
    except UserError:
        newest = None
    if here and (newest is None or int(uris.name_of(newest)[1:]) <= int(here[-1].name[1:])):
        return
    for name in uris.names(location):
        if uris.is_file(uris.join(location, name)):
            partial = folder / f".{name}.part"
            uris.get(uris.join(location, name), partial)
            os.replace(partial, folder / name)
    if newest is not None:
        checkpoints.download(newest, folder / CHECKPOINTS)


def publish(folder: Path, location: uris.Location, version: Path | None, keep: int | None = None) -> None:
    """Copies the run's own files to where it is kept, then `version`. Raises UserError, OSError."""
    from metta_puffer.native import checkpoints  # brings in torch, for which a mistyped key must not wait

    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            uris.put(file, uris.join(location, file.name))
    if version is not None:
        checkpoints.upload(version, uris.join(location, CHECKPOINTS), keep)

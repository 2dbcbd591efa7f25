"""A run's directory on another machine: copied from its URI before the run, kept up to date there while it runs.

What a killed machine leaves at the URI can always be gone on with: metrics arrive before the checkpoint they belong
to, a checkpoint's last file arrives last, and the result after everything else.
"""

import os
from pathlib import Path

from compare import rundir
from compare.evaluation import EVALUATIONS_FILE
from metta_puffer import uris
from metta_puffer.tracking.initial_weights import INITIAL_WEIGHTS_FILE
from metta_puffer.tracking.jsonl import METRICS_FILE

# What makes other files count: our trainer's checkpoints by their manifest, PuffeRL's by the resume state.
MANIFEST = "manifest.json"
LAST_FILES = (MANIFEST, "resume_state.pt", rundir.RESULT_FILE)
# What the machine that compares needs of a run.
MEASURED = (METRICS_FILE, EVALUATIONS_FILE, INITIAL_WEIGHTS_FILE, rundir.LOG_FILE, rundir.RESULT_FILE)
NOT_COPIED = (rundir.LOCK_FILE, rundir.FAILURE_FILE)

Stamp = tuple[int, int]  # of a file: time of its last change in ns, bytes


class Mirror:
    """The copy at `uri` of the run in `folder`."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder, self.uri = folder, uri
        self._copied: dict[str, Stamp] = {}

    def fetch(self) -> None:
        """Bring what is at the URI here. Raises UserError."""
        _fetch(self.uri, self.folder)
        self._copied = self._stamps()

    def push(self) -> None:
        """Copy what has changed here to the URI, and delete there what was deleted here. Raises UserError."""
        stamps = self._stamps()
        changed = [name for name, stamp in stamps.items() if self._copied.get(name) != stamp]
        # Read before the metrics, so that these reach at least as far as the state to which a run will go back.
        last = {name: self._read(name) for name in changed if Path(name).name in LAST_FILES}
        for name in [name for name in last if Path(name).name == MANIFEST]:
            self._remove(name)  # until the files that it vouches for are there
        for name in [name for name in changed if name not in last and name != METRICS_FILE]:
            self._write(name, self._read(name))
        self._write(METRICS_FILE, self._read(METRICS_FILE))
        for name in sorted(last, key=lambda name: LAST_FILES.index(Path(name).name)):
            self._write(name, last[name])
        for name in self._copied.keys() - stamps.keys():
            self._remove(name)
        self._copied = stamps

    def _stamps(self) -> dict[str, Stamp]:
        """Of every finished file, by its path in the folder: drafts have a name that begins with a dot."""
        stamps = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            if name.name in NOT_COPIED or path.suffix == ".tmp" or any(part.startswith(".") for part in name.parts):
                continue
            try:
                if path.is_file():
                    stat = path.stat()
                    stamps[str(name)] = stat.st_mtime_ns, stat.st_size
            except FileNotFoundError:  # an old checkpoint that is being deleted
                continue
        return stamps

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, name: str, data: bytes | None) -> None:
        if data is None:
            return
        target = uris.join(self.uri, name)
        if uris.is_remote(target):
            uris.write_bytes(target, data)
            return
        # An object store shows a whole file or none; here that takes a draft.
        path = uris.local_path(target)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        uris.write_bytes(draft, data)
        draft.replace(path)

    def _remove(self, name: str) -> None:
        uris.remove(uris.join(self.uri, name))


def _fetch(uri: str, folder: Path) -> None:
    for name in uris.names(uri):
        there = uris.join(uri, name)
        if not uris.is_file(there):
            _fetch(there, folder / name)  # file systems keep folders whose files were deleted
        elif name not in NOT_COPIED and not name.startswith("."):
            uris.get(there, folder / name)


def fetch_measured(uri: str, folder: Path) -> None:
    """Bring a run's metrics, evaluations, log and result here, each file whole or not at all. Raises UserError."""
    present = uris.names(uri)
    for name in MEASURED:
        if name in present:
            draft = folder / f".{name}.fetched"
            uris.get(uris.join(uri, name), draft)
            draft.replace(folder / name)

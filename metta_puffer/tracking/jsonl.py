"""One run's records as an append-only JSONL file: one line a record, complete as soon as `log` returns.

A run killed in the middle of a write leaves at most one torn last line; a run resumed from a checkpoint logs
again what it had logged after that checkpoint. Both are settled on reading, so that writing stays an append. What a
full disk refuses is kept and written first as soon as there is room.
"""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from metta_puffer.errors import UserError
from metta_puffer.tracking.schema import MetricRecord
from metta_puffer.tracking.write_failures import NotWrittenError

METRICS_FILE = "metrics.jsonl"
PLAN_FILE = "plan.json"  # beside it: the RunPlan of a run started by hand, so that a comparison can add the run later


class JsonlSink:
    """Appends records to `path`, making its folder when missing. Raises UserError when it cannot be written."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            drop_torn_tail(self.path)
            self._open()
        except OSError as error:
            raise UserError(
                f"cannot write metrics ({error.strerror})",
                file=str(self.path),
                remedy="choose an output folder that you may write to",
            ) from error
        self._pending = b""

    def _open(self) -> None:
        self._file = self.path.open("ab", buffering=0)
        self._identity = _identity(os.fstat(self._file.fileno()))

    def log(self, record: MetricRecord) -> None:
        """Raises OSError where the record is not on disk; it is then written by a later call, or by `close`."""
        self._pending += json.dumps(asdict(record), separators=(",", ":")).encode() + b"\n"
        gone = self._find_again()
        self._write()
        if gone:
            raise FileNotFoundError(errno.ENOENT, "the records before this one are gone: file deleted", str(self.path))

    def _find_again(self) -> bool:
        """Whether the file was deleted or replaced; what is written goes to the one that has its name now."""
        try:
            if _identity(self.path.stat()) == self._identity:
                return False
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file.close()
        self._open()
        return True

    def _write(self) -> None:
        # One write a line: a reader that looks while the run goes on sees whole lines, or one torn last one.
        while self._pending:
            written = self._file.write(self._pending)
            self._pending = self._pending[written:]

    def close(self) -> None:
        """Raises NotWrittenError when records remain that cannot be written."""
        try:
            if self._pending:
                self._find_again()
                self._write()
        except OSError as error:
            lines = self._pending.count(b"\n")
            raise NotWrittenError(
                f"the last {lines} records are lost, {self.path} cannot be written: {error}"
            ) from error
        finally:
            self._file.close()

    def __enter__(self) -> "JsonlSink":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def drop_torn_tail(path: Path) -> None:
    """Cut a half-written last line off, so that the next record does not continue it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            file.truncate(whole)


def read_records(path: str | os.PathLike[str]) -> list[MetricRecord]:
    """The run's records in order of `epoch`, each moment once; [] for a missing file.

    A half-written last line is left out. Where a resumed run logged an epoch again, what it logged last counts, and
    so does its version of everything after it. Raises UserError naming file and line for anything else unreadable.
    """
    records: list[MetricRecord] = []
    for record in _parse(Path(path)):
        while records and records[-1].epoch >= record.epoch:
            records.pop()
        records.append(record)
    return records


def _parse(path: Path) -> Iterator[MetricRecord]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    *lines, _torn = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        yield _record(line, path, number)


def _record(line: bytes, path: Path, number: int | None) -> MetricRecord:
    try:
        return record_from(json.loads(line))
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"not a metrics record ({error})",
            file=str(path),
            line=number,
            remedy="restore the file from a backup, or delete this run's folder and run it again",
        ) from error


def record_from(fields: dict[str, Any]) -> MetricRecord:
    """A record from its JSON object. Raises KeyError, TypeError or ValueError when a field is missing or mistyped."""
    return MetricRecord(
        epoch=int(fields["epoch"]),
        agent_steps=int(fields["agent_steps"]),
        env_steps=int(fields["env_steps"]),
        gradient_updates=int(fields["gradient_updates"]),
        wall_seconds=float(fields["wall_seconds"]),
        values={str(name): float(value) for name, value in dict(fields["values"]).items()},
    )


class RecordTail:
    """Follows a metrics file that is being written: each `poll` returns the records completed since the last one."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._offset = 0

    def poll(self) -> list[MetricRecord]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content.rfind(b"\n") + 1
        self._offset += whole
        return [_record(line, self.path, None) for line in content[:whole].splitlines()]

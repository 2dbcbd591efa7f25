"""A run's directory: what stands where, and how to tell what became of the run.

`run.json` says which run it is; `metrics.jsonl` grows while it trains; `log.txt` holds what it printed;
`result.json` is written last and marks it finished; `failure.json` is there only while its last attempt failed.
Every JSON file appears whole or not at all, so a kill at any moment leaves a directory that can be read.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.tracking.jsonl import METRICS_FILE, read_records

RUN_FILE = "run.json"
RESULT_FILE = "result.json"
FAILURE_FILE = "failure.json"
LOG_FILE = "log.txt"
LOCK_FILE = "lock"
TAIL_LINES = 25  # of a log that a failure shows

Status = Literal["finished", "failed", "partial", "waiting"]


@dataclass(frozen=True)
class Run:
    """One arm with one seed. `plan.run_dir` is its directory; one that was `added` is only ever read there."""

    arm: str
    seed: int
    plan: RunPlan
    added: bool = False

    @property
    def run_id(self) -> str:
        return f"{self.arm}-seed{self.seed}"

    @property
    def dir(self) -> Path:
        return Path(self.plan.run_dir)

    @property
    def metrics(self) -> Path:
        return self.dir / METRICS_FILE

    @property
    def log(self) -> Path:
        return self.dir / LOG_FILE


def plan_hash(plan: RunPlan) -> str:
    """Equal for plans that train the same thing, wherever their run directories are and however often they save."""
    fields = plan.model_dump(mode="json", exclude={"run_dir", "checkpoint_interval_seconds"})
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def begun_hash(run: Run) -> str:
    """The hash with which the run's directory was claimed."""
    content = read_json(run.dir / RUN_FILE)
    return plan_hash(run.plan) if content is None else str(content["plan_hash"])


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Where to write what is to stand at `path`: put there when it is whole, deleted when writing it fails."""
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield draft
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write `content` so that `path` holds all of it or what it held before."""
    with draft_of(path) as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """The content, or None for a missing file. Raises UserError for a damaged one."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(
            f"not readable as JSON ({error})", file=str(path), remedy=f"delete {path.parent} and run it again"
        ) from error


def claim(run: Run) -> None:
    """Make the directory this run's. Raises UserError when it holds a run with other settings."""
    run.dir.mkdir(parents=True, exist_ok=True)
    present = read_json(run.dir / RUN_FILE)
    if present is None:
        content = {"run_id": run.run_id, "arm": run.arm, "seed": run.seed, "plan_hash": plan_hash(run.plan)}
        write_json(run.dir / RUN_FILE, {**content, "plan": run.plan.model_dump(mode="json")})
    elif plan_hash(kept_plan(run.dir, present)) != plan_hash(run.plan):
        changed = _changes(present["plan"], run.plan.model_dump(mode="json"))
        raise UserError(
            f"this run was begun with other settings ({'; '.join(changed)})",
            file=str(run.dir / RUN_FILE),
            remedy="choose another --out, or put the settings back to resume it",
        )


def _changes(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    changes: list[str] = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            changes += _changes(old, new, f"{prefix}{key}.")
        elif old != new and prefix + key != "run_dir":
            changes.append(f"{prefix}{key} was {old!r}, is {new!r}")
    return changes


def load(directory: Path) -> Run:
    """The run of a claimed directory, wherever it stands now. Raises UserError when there is none."""
    content = read_json(directory / RUN_FILE)
    if content is None:
        raise UserError("no run here", file=str(directory / RUN_FILE), remedy="name the directory of a run")
    return Run(content["arm"], content["seed"], kept_plan(directory, content))


def kept_plan(directory: Path, content: dict[str, Any]) -> RunPlan:
    """The plan in a run file's `content`; settings that are newer than the file are at their defaults, as they were.

    Raises UserError for a plan with settings that this version does not have.
    """
    try:
        return RunPlan.model_validate({**content["plan"], "run_dir": str(directory)})
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"not a plan of this version ({'.'.join(map(str, first['loc']))}: {first['msg']})",
            file=str(directory / RUN_FILE),
            remedy="go on with the version that began this run, or choose another --out",
        ) from error


def status(run: Run) -> Status:
    result = read_json(run.dir / RESULT_FILE)
    # The run file's own hash: a version with further settings would compute another one for the same plan.
    if result is not None and result["plan_hash"] == begun_hash(run):
        return "finished"
    if (run.dir / FAILURE_FILE).exists():
        return "failed"
    if run.added and _reached_its_budget(run):
        return "finished"
    return "partial" if run.metrics.exists() else "waiting"


def _reached_its_budget(run: Run) -> bool:
    """How a run shows that it is finished where no comparison wrote its result."""
    records = read_records(run.metrics)
    if not records:
        return False
    limit = run.plan.total_wall_seconds
    out_of_time = limit is not None and records[-1].wall_seconds >= limit
    return out_of_time or records[-1].agent_steps >= run.plan.batch.total_timesteps


def log_tail(run: Run) -> str:
    try:
        return "\n".join(run.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
    except FileNotFoundError:
        return "(it printed nothing)"


@contextmanager
def locked(directory: Path, *, wait: bool) -> Iterator[None]:
    """Hold `directory` against other processes; the system lets go of it when this one ends, however it ends.

    Raises UserError when another process holds it and `wait` is false.
    """
    with (directory / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise UserError(
                "another process is at work here",
                file=str(directory),
                remedy="wait for it or stop it, or choose another --out",
            ) from error
        yield

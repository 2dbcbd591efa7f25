"""Runs that were made elsewhere join a comparison: trained by hand with `puffer train` or `metta-native train`, taken
from another comparison, or imported from wandb. They are read where they are, never changed."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from compare import rundir
from compare.rundir import Run
from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.tracking.jsonl import METRICS_FILE, PLAN_FILE

ADDED_FILE = "added.json"


@dataclass(frozen=True)
class Addition:
    """`ARM=DIR`: the run in `directory` as one of `arm`."""

    arm: str
    directory: Path


def parse_addition(text: str) -> Addition:
    arm, equals, directory = text.partition("=")
    if not (arm and equals and directory):
        raise UserError(
            "not of the form ARM=DIR", key="--add", value=text, remedy="write for example --add puffer=runs/by-hand"
        )
    return Addition(arm, Path(directory).resolve())


def added_runs(given: list[Addition], planned: list[Run], out: Path) -> list[Run]:
    """All runs added to the comparison in `out`, now or before. Raises UserError for what is no run, or there already.

    Nothing is remembered here: `remember` does that, once everything else is known to be right.
    """
    before = [Addition(entry["arm"], Path(entry["directory"])) for entry in rundir.read_json(out / ADDED_FILE) or []]
    known = {(run.arm, run.seed): run.dir for run in planned}
    runs: list[Run] = []
    for addition in dict.fromkeys([*before, *given]):
        run = read_run(addition)
        if (run.arm, run.seed) in known:
            raise UserError(
                f"seed {run.seed} of {run.arm} is in this comparison already, from {known[run.arm, run.seed]}",
                key="--add",
                value=f"{addition.arm}={addition.directory}",
                remedy="add a run with another seed, or under the name of another arm",
            )
        known[run.arm, run.seed] = run.dir
        runs.append(run)
    return runs


def remember(runs: list[Run], out: Path) -> None:
    rundir.write_json(out / ADDED_FILE, [{"arm": run.arm, "directory": str(run.dir)} for run in runs])


def read_run(addition: Addition) -> Run:
    directory = addition.directory
    if not (directory / METRICS_FILE).exists():
        raise UserError(
            f"no run here: {METRICS_FILE} is missing",
            file=str(directory),
            key="--add",
            remedy="name the directory of one run, where its trainer wrote its metrics",
        )
    content = rundir.read_json(directory / rundir.RUN_FILE)
    plan = content["plan"] if content is not None else rundir.read_json(directory / PLAN_FILE)
    if plan is None:
        raise UserError(
            f"the run's settings are missing: there is neither {rundir.RUN_FILE} nor {PLAN_FILE}",
            file=str(directory),
            key="--add",
            remedy=f"put the run's plan into {PLAN_FILE}",
        )
    try:
        resolved = RunPlan.model_validate({**plan, "run_dir": str(directory)})
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"not the plan of a run ({'.'.join(map(str, first['loc']))}: {first['msg']})",
            file=str(directory),
            key="--add",
            remedy="add runs that were made with this version",
        ) from error
    return Run(addition.arm, resolved.seed, resolved, added=True)

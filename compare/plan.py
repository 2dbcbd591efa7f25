"""Which runs a comparison has: two arms, a number of seeds, one budget; and what differs between the arms."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from compare.defaults import written_out
from compare.rundir import Run
from metta_puffer.config.audit import audit
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.plan import EngineName, RunPlan
from metta_puffer.config.resolver import resolve_native, resolve_puffer
from metta_puffer.config.sides import native_side, puffer_side
from metta_puffer.errors import UserError

RUNS_FOLDER = "runs"
ARMS = ("puffer", "native")
CHECKPOINT_SECONDS = 300.0  # what a killed run loses at most, in seconds of training
CONTROL_SUFFIX = "-again"  # of an arm that is another one with other seeds
# What changes nothing that is learned.
WITHOUT_EFFECT = frozenset(
    {
        "extra",
        "checkpoint_interval_epochs",
        "checkpoint_interval_seconds",
        "checkpoint_keep",
        "checkpoint_on_failure",
        "upload_to",
    }
)
BudgetAxis = Literal["agent_steps", "gradient_updates", "wall_seconds"]
BUDGETS: dict[BudgetAxis, str] = {
    "agent_steps": "--total-agent-steps",
    "gradient_updates": "--total-gradient-updates",
    "wall_seconds": "--total-wall-seconds",
}
# What a plan says about one run, not about its arm.
PER_RUN = frozenset({"seed", "env.seed", "run_dir", "trainer", "notes"})


@dataclass(frozen=True)
class Request:
    """What a user asked for."""

    puffer: Path
    native: Path
    seeds: int
    budget: float  # of each run, in units of `axis`; a whole number unless these are seconds
    out: Path
    axis: BudgetAxis = "agent_steps"
    engine: EngineName | None = None  # None: as the configurations say
    control: str | None = None  # the arm that also runs against itself, as an arm of its own with other seeds
    # Checkpoints a run at equal shares of its budget, to be evaluated; where this is 0 and the budget not one of
    # seconds, as configured. Others come between them every CHECKPOINT_SECONDS.
    marks: int = 0


def plan_runs(request: Request) -> list[Run]:
    """Every run, seed by seed, so that stopping early leaves pairs. Raises UserError for what cannot be run."""
    for key, value in (("--seeds", request.seeds), (BUDGETS[request.axis], request.budget)):
        if not 1 <= value < math.inf:
            raise UserError("must be at least 1", key=key, value=value, remedy="give a positive number")
    machine = Machine.detect()
    runs: list[Run] = []
    for seed in range(request.seeds):
        runs += [_run(request, arm, arm, seed, machine) for arm in ARMS]
        if request.control is not None:
            again = request.control + CONTROL_SUFFIX
            runs.append(_run(request, again, request.control, request.seeds + seed, machine))
    return runs


def _run(request: Request, name: str, arm: str, seed: int, machine: Machine) -> Run:
    run_dir = str(request.out / RUNS_FOLDER / f"{name}-seed{seed}")
    resolve, path = (resolve_puffer, request.puffer) if arm == "puffer" else (resolve_native, request.native)
    total = None if request.axis == "wall_seconds" else int(request.budget)
    if request.axis == "gradient_updates":
        # What an update costs in agent-steps is the configuration's own: ask it first.
        batch = resolve(path, _overrides(request, arm, seed), run_dir=run_dir, machine=machine).batch
        rounds = math.ceil(request.budget / batch.gradient_updates_per_epoch)
        total = rounds * batch.agent_steps_collected_per_epoch
    plan = resolve(path, _overrides(request, arm, seed, total), run_dir=run_dir, machine=machine)
    changes: dict[str, Any] = {"checkpoint_interval_seconds": CHECKPOINT_SECONDS}
    if request.axis == "wall_seconds":
        between_marks = request.budget / max(1, request.marks)
        changes["total_wall_seconds"] = request.budget
        # By time alone: writing checkpoints takes some of it, from both arms alike.
        changes["checkpoint_interval_epochs"] = plan.batch.total_epochs
        changes["checkpoint_interval_seconds"] = between_marks / math.ceil(between_marks / CHECKPOINT_SECONDS)
    elif request.marks:
        changes["checkpoint_interval_epochs"] = max(1, math.ceil(plan.batch.total_epochs / request.marks))
    return Run(name, seed, plan.model_copy(update=changes))


def _overrides(request: Request, arm: str, seed: int, total: int | None = None) -> dict[str, Any]:
    """Seed, engine, and a budget of `total` agent-steps; None leaves the configuration its own."""
    prefix, trainer = ("train.", "train.") if arm == "puffer" else ("", "trainer.")
    overrides: dict[str, Any] = {f"{prefix}seed": seed}
    if total is not None:
        overrides[f"{trainer}total_timesteps"] = total
    return overrides if request.engine is None else {**overrides, "env.engine": request.engine}


def audit_findings(request: Request) -> list[dict[str, Any]]:
    """What metta-audit finds in the two configurations, with the comparison's budget and engine."""
    machine = Machine.detect()
    totals = [_run(request, arm, arm, 0, machine).plan.batch.total_timesteps for arm in ARMS]
    puffer = puffer_side(load_puffer(request.puffer, _overrides(request, "puffer", 0, totals[0])), machine)
    native = native_side(load_native(request.native, _overrides(request, "native", 0, totals[1])), machine)
    return [vars(finding) for finding in audit(puffer, native).findings]


def flat(plan: RunPlan) -> dict[str, Any]:
    """The plan's values by dotted path, what belongs to a single run left out."""
    result: dict[str, Any] = {}

    def walk(value: Any, path: str) -> None:
        if path in PER_RUN:
            return
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
        else:
            result[path] = value

    walk(plan.model_dump(mode="json"), "")
    return result


@dataclass(frozen=True)
class Difference:
    """A value that the arms' plans do not share; None where a plan has no such value."""

    path: str
    values: tuple[Any, ...]  # in order of the plans

    @property
    def group(self) -> str:
        return self.path.partition(".")[0]


def differences(*plans: RunPlan) -> list[Difference]:
    """What differs between arms, read from their plans. An option given at its default is one left out."""
    flats = [flat(plan) for plan in written_out(*plans)]
    paths = dict.fromkeys(path for values in flats for path in values)
    found = (Difference(path, tuple(values.get(path) for values in flats)) for path in paths)
    return [difference for difference in found if any(value != difference.values[0] for value in difference.values)]


def arithmetic(plan: RunPlan) -> dict[str, Any]:
    """The sizes of one arm: what its plan says about worlds and batches."""
    worlds = {
        "worlds": plan.env.worlds,
        "agents_per_world": plan.env.agents_per_world,
        "total_agents": plan.env.total_agents,
        "agents_per_forward": plan.env.agents_per_forward,
        "groups": plan.env.groups,
        "workers": plan.env.workers,
    }
    limit = {} if plan.total_wall_seconds is None else {"total_wall_seconds": plan.total_wall_seconds}
    return {**worlds, **plan.batch.model_dump(), **limit}

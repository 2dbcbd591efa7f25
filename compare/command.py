"""The command line of a comparison: check, plan, run, judge, report.

Exit status: 0 done, 1 incomplete (a run failed), 2 unusable input, 130 stopped on request (resumable).
"""

import argparse
import errno
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich_argparse import RichHelpFormatter

from compare import rundir
from compare.adding import added_runs, parse_addition, remember
from compare.baseline import random_baseline
from compare.evaluation import EPISODES, MARKS
from compare.ladder import Ladder, plan_ladder
from compare.launchers import Launcher, LocalLauncher, physical_cores
from compare.plan import ARMS, RUNS_FOLDER, BudgetAxis, Request, audit_findings, plan_runs
from compare.progress import display_for
from compare.provenance import provenance
from compare.rundir import Run
from compare.runs import run_all
from compare.worker import EXIT_STOPPED
from metta_puffer import uris
from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError, did_you_mean

if TYPE_CHECKING:
    from compare.sequential import EarlyStop

EXIT_INCOMPLETE = 1
CONFIDENCE = 0.95
PROVENANCE_FILE = "provenance.json"


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python compare/run_ab.py",
        description="Train PuffeRL (arm puffer) and the native trainer (arm native) on the same worlds, and say which "
        "scores higher, how sure that is, and what differs between them.",
        formatter_class=RichHelpFormatter,
    )
    result.add_argument("--puffer", type=Path, required=True, metavar="FILE.ini", help="configuration of arm puffer")
    result.add_argument("--native", type=Path, required=True, metavar="FILE.yaml", help="configuration of arm native")
    result.add_argument("--seeds", type=int, required=True, metavar="N", help="runs an arm, with seeds 0 to N-1")
    budget = result.add_mutually_exclusive_group(required=True)
    budget.add_argument(
        "--total-agent-steps", type=int, metavar="N", help="budget of each run; an agent acting once is 1"
    )
    budget.add_argument(
        "--total-gradient-updates", type=int, metavar="N", help="budget of each run in optimizer steps instead"
    )
    budget.add_argument(
        "--total-wall-seconds", type=float, metavar="S", help="budget of each run in seconds of wall-clock instead"
    )
    result.add_argument("--out", type=Path, required=True, metavar="DIR", help="where runs and results go")
    result.add_argument("--resume", action="store_true", help="go on in DIR: finished runs stay, partial ones continue")
    result.add_argument("--jobs", type=int, metavar="N", help="runs at once (default: as there are cores)")
    result.add_argument(
        "--launcher",
        choices=("local", "ray", "none"),
        default="local",
        help="who starts the runs: this machine, the Ray cluster of RAY_ADDRESS, or nobody: a scheduler does, with "
        "python -m compare.worker RUN_DIR",
    )
    result.add_argument(
        "--runs-uri",
        metavar="URI",
        help="with --launcher ray: where every node keeps the runs' directories, such as s3://bucket/runs "
        "(default: DIR/runs, which all nodes must then share)",
    )
    result.add_argument(
        "--engine", choices=("published", "native"), help="engine of both arms (default: as configured)"
    )
    result.add_argument(
        "--evaluations",
        type=int,
        default=MARKS,
        metavar="N",
        help=f"frozen policies a run that play held-out maps ({MARKS})",
    )
    result.add_argument(
        "--evaluation-episodes",
        type=int,
        default=EPISODES,
        metavar="N",
        help=f"episodes that each of them plays, twice ({EPISODES})",
    )
    result.add_argument(
        "--stop-when-decided", action="store_true", help="--seeds is the most; end early where a look at fewer decides"
    )
    result.add_argument(
        "--ladder", action="store_true", help="also run mixtures of both arms' settings and say which of them matter"
    )
    result.add_argument(
        "--aa", choices=ARMS, metavar="ARM", help="control: run puffer or native against itself, with other seeds"
    )
    result.add_argument(
        "--add",
        action="append",
        default=[],
        metavar="ARM=DIR",
        help="a run made elsewhere joins as one of ARM (puffer, native, or a further arm); may be repeated",
    )
    result.add_argument("--wandb", action="store_true", help="log to wandb too; offline with WANDB_MODE=offline")
    return result


def main(arguments: Sequence[str]) -> int:
    console = Console()
    try:
        _refuse_unknown(arguments)
        options = parser().parse_args(arguments)
        return compare(options, console)
    except UserError as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        return EXIT_UNUSABLE_INPUT
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        remedy = "make room; the same command with --resume goes on, and what is finished stays"
        file = error.filename or str(options.out)
        full = UserError(f"cannot be written ({error.strerror})", file=file, remedy=remedy)
        Console(stderr=True).print(str(full), markup=False, highlight=False, soft_wrap=True)
        return EXIT_UNUSABLE_INPUT
    except KeyboardInterrupt:
        console.print("Stopped. The same command with --resume goes on.")
        return EXIT_STOPPED


def _refuse_unknown(arguments: Sequence[str]) -> None:
    """Options by name, with the nearest known one: argparse would complain of what is missing instead."""
    known = [name for action in parser()._actions for name in action.option_strings if name.startswith("--")]
    for argument in arguments:
        name = argument.partition("=")[0]
        if argument.startswith("--") and not any(other.startswith(name) for other in known):
            raise UserError(f"no such option.{did_you_mean(name, known)}", key=name, remedy="see --help")


def compare(options: argparse.Namespace, console: Console) -> int:
    request = _request(options)
    if options.wandb:
        # Imported on use: wandb starts threads and reads the user's settings.
        from metta_puffer.tracking.wandb_sink import wandb_mode

        wandb_mode()  # refuses unusable settings, before anything is started
    runs, findings = plan_runs(request), audit_findings(request)
    ladder = _plan_ladder(runs, options.out) if options.ladder else None
    with ExitStack() as stack:
        _open_folder(options.out, resume=options.resume)
        stack.enter_context(rundir.locked(options.out, wait=False))
        added = added_runs([parse_addition(text) for text in options.add], runs, options.out)
        wanted = [*runs, *(ladder.runs if ladder else [])]
        for run in wanted:
            rundir.claim(run)
        remember(added, options.out)
        made = provenance()
        rundir.write_json(options.out / PROVENANCE_FILE, made)
        baseline = random_baseline(runs[0].plan.env, options.out)
        console.print(f"The random policy scores {baseline.mean:.3f}.", highlight=False)
        group = options.out.resolve().name if options.wandb else None
        # Imported on use: statistics, drawing and database take seconds that a wrong flag need not wait for.
        from compare.outputs import write_outputs
        from compare.sequential import EarlyStop

        stop = EarlyStop(runs, request.axis) if options.stop_when_decided else None
        if ladder:
            console.print(
                f"The ladder adds {len(ladder.runs)} runs to {len(runs)}: {len(ladder.rungs)} mixtures of "
                f"{', '.join(ladder.groups) or 'no differing settings'}.",
                highlight=False,
                soft_wrap=True,
            )
        completed = _train(wanted, options, console, group, stop)
        judged = stop.within(stop.look) if stop else runs
        confidence = stop.look.confidence if stop else CONFIDENCE
        results = write_outputs(
            [*judged, *added],
            options.out,
            baseline,
            provenance=made,
            findings=findings,
            confidence=confidence,
            axis=request.axis,
            ladder=ladder,
        )
        if group is not None:
            from compare.wandb_report import log_report

            log_report(results, options.out, group)
    console.print(f"\nReport: {options.out / 'report.html'}", highlight=False, soft_wrap=True)
    if stop and stop.look.seeds < options.seeds:
        console.print(f"Decided after {stop.look.seeds} of at most {options.seeds} seeds an arm.", highlight=False)
    console.print(results.sentence, highlight=False, markup=False, soft_wrap=True)
    for pair in results.controls:
        console.print(f"Control: {results.control_sentence(*pair)}", highlight=False, markup=False, soft_wrap=True)
    for problem in results.problems:
        console.print(f"  - {problem}", highlight=False, markup=False, soft_wrap=True)
    if not completed:
        return EXIT_STOPPED
    return 0 if results.verdict.complete else EXIT_INCOMPLETE


def _request(options: argparse.Namespace) -> Request:
    """What the options ask for. Raises UserError for options that do not go together."""
    if options.jobs is not None and options.jobs < 1:
        raise UserError("must be at least 1", key="--jobs", value=options.jobs, remedy="leave it out to use every core")
    if options.runs_uri is not None and options.launcher != "ray":
        raise UserError(
            "is for runs on a cluster", key="--runs-uri", value=options.runs_uri, remedy="add --launcher ray"
        )
    if options.runs_uri is not None:
        uris.is_remote(options.runs_uri)  # refuses what is no URI, before anything is started for it
    for key in ("evaluations", "evaluation_episodes"):
        if getattr(options, key) < 0:
            name = "--" + key.replace("_", "-")
            raise UserError("must not be negative", key=name, value=getattr(options, key), remedy="0 means none")
    budgets: dict[BudgetAxis, float | None] = {
        "agent_steps": options.total_agent_steps,
        "gradient_updates": options.total_gradient_updates,
        "wall_seconds": options.total_wall_seconds,
    }
    ((axis, budget),) = ((axis, budget) for axis, budget in budgets.items() if budget is not None)
    for key in ("aa", "ladder"):
        if getattr(options, key) and options.stop_when_decided:
            raise UserError(
                "needs all seeds", key=f"--{key}", remedy=f"leave out either --{key} or --stop-when-decided"
            )
    return Request(
        puffer=options.puffer,
        native=options.native,
        seeds=options.seeds,
        budget=budget,
        axis=axis,
        out=options.out,
        engine=options.engine,
        control=options.aa,
        marks=options.evaluations,
    )


def _train(
    runs: Sequence[Run], options: argparse.Namespace, console: Console, group: str | None, stop: "EarlyStop | None"
) -> bool:
    """Whether it came to the end, rather than being asked to stop."""
    if options.launcher == "none":
        left = sum(rundir.status(run) != "finished" for run in runs)
        console.print(f"{left} of {len(runs)} runs in {options.out / RUNS_FOLDER} are to be trained.", soft_wrap=True)
        return True
    launcher, jobs = _launcher(options, runs)
    return run_all(
        runs,
        jobs=jobs,
        display=display_for(console),
        launcher=launcher,
        evaluations=options.evaluations,
        evaluation_episodes=options.evaluation_episodes if options.evaluations else 0,
        wandb_group=group,
        enough=stop.enough if stop else lambda: False,
    )


def _launcher(options: argparse.Namespace, runs: Sequence[Run]) -> tuple[Launcher, int]:
    """Who starts the workers of these claimed runs, and how many at once."""
    if options.launcher == "local":
        jobs = options.jobs or physical_cores()
        return LocalLauncher(jobs), jobs
    # Imported on use: only those who ask for it have Ray.
    from compare.ray_launcher import RayLauncher

    launcher = RayLauncher(runs, options.runs_uri or str((options.out / RUNS_FOLDER).resolve()))
    return launcher, options.jobs or launcher.jobs


def _plan_ladder(runs: Sequence[Run], out: Path) -> Ladder:
    puffer, native = ([run for run in runs if run.arm == arm] for arm in ARMS)
    return plan_ladder(puffer, native, out / RUNS_FOLDER)


def _open_folder(out: Path, *, resume: bool) -> None:
    try:
        if not resume and out.is_dir() and any(out.iterdir()):
            raise UserError(
                "this folder is not empty",
                file=str(out),
                remedy="add --resume to go on with the comparison in it, or choose another --out",
            )
        out.mkdir(parents=True, exist_ok=True)
        (out / rundir.LOCK_FILE).touch()
    except OSError as error:
        raise UserError(
            f"cannot write here ({error.strerror})", file=str(out), remedy="choose an --out that you may write to"
        ) from error

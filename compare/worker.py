"""One run in a process of its own: `python -m compare.worker RUN_DIR`.

Exit status: 0 finished, 2 unusable input, 130 stopped on request (resumable), anything else a failure.
"""

import argparse
import ctypes
import os
import platform
import signal
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path

import psutil

from compare import rundir
from compare.evaluation import EPISODES, MARKS, evaluate
from compare.provenance import versions
from metta_puffer import trainers
from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError
from metta_puffer.tracking.jsonl import JsonlSink
from metta_puffer.tracking.multi import MultiSink
from metta_puffer.tracking.schema import MetricSink

EXIT_STOPPED = 130
_PR_SET_PDEATHSIG = 1  # Linux: which signal this process gets when its parent dies


def die_with(parent: int) -> None:
    """Stop as on Ctrl-C when the parent is killed, so that no run goes on that nobody watches."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        sys.exit(EXIT_STOPPED)


def sink_of(run: rundir.Run, wandb_group: str | None) -> MetricSink:
    sink = JsonlSink(run.metrics)
    if wandb_group is None:
        return sink
    from compare.wandb_report import PROJECT
    from metta_puffer.tracking.wandb_sink import WandbSink

    settings = run.plan.model_dump(mode="json")
    return MultiSink(
        sink,
        WandbSink(
            project=PROJECT,
            group=wandb_group,
            run_id=f"{wandb_group}-{run.run_id}",
            run_dir=str(run.dir),
            config=settings,
        ),
    )


def work(directory: Path, options: argparse.Namespace) -> int:
    run = rundir.load(directory)
    # A predecessor that was told to stop may still be writing its checkpoint.
    with rundir.locked(directory, wait=True):
        (directory / rundir.FAILURE_FILE).unlink(missing_ok=True)
        if rundir.status(run) == "finished":
            return 0
        sink = sink_of(run, options.wandb_group)
        started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        try:
            result = trainers.get_trainer(run.plan.trainer)(run.plan, sink)
        finally:
            sink.close()
        if result.status != "finished":
            return EXIT_STOPPED
        if options.evaluation_episodes:
            evaluate(run, options.evaluation_episodes, options.evaluations)
        content = {
            "plan_hash": rundir.begun_hash(run),
            "started": started,
            "versions": versions(),
            "host": platform.node(),
            "runs_at_once": options.jobs,
            "physical_cores": psutil.cpu_count(logical=False),
        }
        rundir.write_json(directory / rundir.RESULT_FILE, {**content, **asdict(result)})
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m compare.worker", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--parent", type=int, help="process that starts it, to stop with; none under a scheduler")
    parser.add_argument("--jobs", type=int, help="runs that share this machine, this one included")
    parser.add_argument("--evaluations", type=int, default=MARKS, help=f"policies that play held-out maps ({MARKS})")
    parser.add_argument(
        "--evaluation-episodes",
        type=int,
        default=EPISODES,
        help=f"episodes that each of them plays, twice ({EPISODES})",
    )
    parser.add_argument("--wandb-group", help="log to wandb too, in this group")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell hands it down ignored
    if arguments.parent is not None:
        die_with(arguments.parent)
    try:
        return work(arguments.run_dir, arguments)
    except UserError as error:
        print(error, file=sys.stderr)
        status, said = EXIT_UNUSABLE_INPUT, str(error)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except Exception:
        said = traceback.format_exc()
        print(said, file=sys.stderr)
        status = 1
    if arguments.parent is None and (arguments.run_dir / rundir.RUN_FILE).exists():
        # Nobody watches: the comparison that is made later must know.
        tail = "\n".join(said.splitlines()[-rundir.TAIL_LINES :])
        rundir.write_json(arguments.run_dir / rundir.FAILURE_FILE, {"how": f"exit status {status}", "log_tail": tail})
    return status


if __name__ == "__main__":
    sys.exit(main())

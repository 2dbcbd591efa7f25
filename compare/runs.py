"""Runs in parallel, each with a worker process and a directory of its own, up to a number of jobs at once.

A run that fails is noted and the rest goes on. On Ctrl-C (or SIGTERM) every run is asked to stop, which leaves it
resumable; a second one ends them at once. Nothing finished is ever run again.
"""

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from compare import rundir
from compare.launchers import Job, Launcher
from compare.progress import Display, RunView
from compare.rundir import Run

POLL_SECONDS = 0.2


@dataclass
class StopRequests:
    """How often the user has asked to stop."""

    count: int = 0


@contextmanager
def stop_requests() -> Iterator[StopRequests]:
    """Count SIGINT and SIGTERM instead of raising in the middle of starting a process."""
    requests = StopRequests()

    def count(_signal: int, _frame: FrameType | None) -> None:
        requests.count += 1

    before = {number: signal.signal(number, count) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_all(
    runs: Sequence[Run],
    *,
    jobs: int,
    display: Display,
    launcher: Launcher,
    evaluations: int = 0,
    evaluation_episodes: int = 0,
    wandb_group: str | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Run what is not finished yet, in claimed directories, until `enough` says that no more runs are needed.

    `launcher` starts them, `jobs` at once.
    Returns whether it came to the end, True, or was asked to stop, False.
    """
    options = ["--evaluations", str(evaluations), "--evaluation-episodes", str(evaluation_episodes)]
    if wandb_group is not None:
        options += ["--wandb-group", wandb_group]
    views = [RunView(run) for run in runs]
    waiting = deque(view for view in views if view.state != "finished")
    running: dict[Job, RunView] = {}
    with stop_requests() as requests, display:
        try:
            if enough():
                waiting.clear()
            while running or (waiting and not requests.count):
                while waiting and len(running) < jobs and not requests.count:
                    view = waiting.popleft()
                    running[_start(view.run, launcher, options)] = view
                    view.started()
                    display.started(view)
                told = requests.count
                time.sleep(POLL_SECONDS)
                if requests.count > told:
                    for job in running:
                        (job.kill if requests.count > 1 else job.stop)()
                    display.stopping(len(running))
                over = [job for job in running if job.exited()]
                for job in over:
                    view = running.pop(job)
                    _ended(job, view)
                    display.ended(view)
                if over and (waiting or running) and enough():
                    waiting.clear()
                    _stop(running)
                for view in running.values():
                    launcher.follow(view.run)
                    view.poll()
                display.update(views)
        finally:
            for job in running:
                job.kill()
    return not requests.count


def _start(run: Run, launcher: Launcher, options: Sequence[str]) -> Job:
    (run.dir / rundir.FAILURE_FILE).unlink(missing_ok=True)
    return launcher.start(run, options)


def _stop(running: Iterable[Job]) -> None:
    for job in running:
        job.stop()


def _ended(job: Job, view: RunView) -> None:
    how = job.finish()
    if how is None:
        view.poll()
        view.state = rundir.status(view.run)
        return
    view.failed(how)
    rundir.write_json(view.run.dir / rundir.FAILURE_FILE, {"how": how, "log_tail": rundir.log_tail(view.run)})

"""Runs in parallel processes, each in its own directory, up to a number of jobs at once.

A run that fails is noted and the rest goes on. On Ctrl-C (or SIGTERM) every run is asked to stop, which leaves it
resumable; a second one ends them at once. Nothing finished is ever run again.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

import psutil

from compare import rundir
from compare.progress import Display, RunView
from compare.rundir import Run
from compare.worker import EXIT_STOPPED

WORKER = (sys.executable, "-m", "compare.worker")
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


def physical_cores() -> int:
    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


def run_all(
    runs: Sequence[Run],
    *,
    jobs: int,
    display: Display,
    evaluations: int = 0,
    evaluation_episodes: int = 0,
    wandb_group: str | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Run what is not finished yet, in claimed directories, until `enough` says that no more runs are needed.

    Returns whether it came to the end, True, or was asked to stop, False.
    """
    options = ["--jobs", str(jobs), "--evaluations", str(evaluations)]
    options += ["--evaluation-episodes", str(evaluation_episodes)]
    if wandb_group is not None:
        options += ["--wandb-group", wandb_group]
    views = [RunView(run) for run in runs]
    waiting = deque(view for view in views if view.state != "finished")
    running: dict[subprocess.Popen[bytes], RunView] = {}
    with stop_requests() as requests, display:
        try:
            if enough():
                waiting.clear()
            while running or (waiting and not requests.count):
                while waiting and len(running) < jobs and not requests.count:
                    view = waiting.popleft()
                    running[_start(view.run, jobs, options)] = view
                    view.started()
                    display.started(view)
                told = requests.count
                time.sleep(POLL_SECONDS)
                if requests.count > told:
                    _stop(running, at_once=requests.count > 1)
                    display.stopping(len(running))
                over = [process for process in running if _exited(process)]
                for process in over:
                    view = running.pop(process)
                    _ended(process, view)
                    display.ended(view)
                if over and (waiting or running) and enough():
                    waiting.clear()
                    _stop(running, at_once=False)
                for view in running.values():
                    view.poll()
                display.update(views)
        finally:
            _stop(running, at_once=True)
    return not requests.count


def _start(run: Run, jobs: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    (run.dir / rundir.FAILURE_FILE).unlink(missing_ok=True)
    threads = str(max(1, physical_cores() // jobs))
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)}
    environment["PYTHONUNBUFFERED"] = "1"  # the tail of a killed run's log is there
    command = [*WORKER, str(run.dir), "--parent", str(os.getpid()), *options]
    with run.log.open("ab") as log:
        log.write(f"== {time.strftime('%Y-%m-%d %H:%M:%S')} {run.run_id}, {threads} thread(s) ==\n".encode())
        log.flush()
        # A session of its own: Ctrl-C in the terminal reaches us, and we pass it on once.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def _stop(running: dict[subprocess.Popen[bytes], RunView], *, at_once: bool) -> None:
    for process in running:
        if at_once:
            _end_group(process)
        else:
            # Not process.send_signal: it would wait for a process that has just ended, before `_exited` sees it.
            os.kill(process.pid, signal.SIGINT)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _exited(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended. It is not waited for yet, so its process group's number is not used for another."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _ended(process: subprocess.Popen[bytes], view: RunView) -> None:
    _end_group(process)  # a killed run may leave environment workers behind
    process.wait()
    if process.returncode in (0, EXIT_STOPPED):
        view.poll()
        view.state = rundir.status(view.run)
        return
    how = f"killed by signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
    view.failed(how)
    rundir.write_json(view.run.dir / rundir.FAILURE_FILE, {"how": how, "log_tail": rundir.log_tail(view.run)})

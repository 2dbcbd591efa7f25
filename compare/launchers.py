"""Who runs a worker process: this machine itself; `compare.ray_launcher` hands them to a Ray cluster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import psutil

from compare.rundir import Run
from compare.worker import EXIT_STOPPED

WORKER = (sys.executable, "-m", "compare.worker")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Job(Protocol):
    """A worker that was started for one run."""

    def exited(self) -> bool: ...

    def stop(self) -> None:
        """Ask it to end after the round it is in, which leaves the run resumable."""
        ...

    def kill(self) -> None:
        """End it now, with everything it has started."""
        ...

    def finish(self) -> str | None:
        """What is left to do after its end, or after `kill`. Says how it failed; None when it did not."""
        ...


class Launcher(Protocol):
    def start(self, run: Run, options: Sequence[str]) -> Job:
        """Start the worker of a claimed run, with further `options` of `compare.worker`."""
        ...

    def follow(self, run: Run) -> None:
        """Bring what a running worker has measured into the run's directory, where it is not written there."""
        ...


def physical_cores() -> int:
    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


def how_it_ended(exit_status: int) -> str | None:
    """A worker's failure in words, from its exit status or minus the signal that killed it."""
    if exit_status in (0, EXIT_STOPPED):
        return None
    return f"killed by signal {-exit_status}" if exit_status < 0 else f"exit status {exit_status}"


class LocalLauncher:
    """Processes of this machine, which share its cores: `jobs` of them at once."""

    def __init__(self, jobs: int) -> None:
        self._jobs, self._threads = str(jobs), str(max(1, physical_cores() // jobs))

    def start(self, run: Run, options: Sequence[str]) -> Job:
        command = [*WORKER, str(run.dir), "--parent", str(os.getpid()), "--jobs", self._jobs, *options]
        return LocalJob(run, command, self._threads)

    def follow(self, run: Run) -> None:
        return None


class LocalJob:
    def __init__(self, run: Run, command: Sequence[str], threads: str) -> None:
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads)}
        environment["PYTHONUNBUFFERED"] = "1"  # the tail of a killed run's log is there
        with run.log.open("ab") as log:
            log.write(f"== {time.strftime('%Y-%m-%d %H:%M:%S')} {run.run_id}, {threads} thread(s) ==\n".encode())
            log.flush()
            # A session of its own: Ctrl-C in the terminal reaches us, and we pass it on once.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def exited(self) -> bool:
        # It is not waited for yet, so its process group's number is not used for another.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def stop(self) -> None:
        # Not process.send_signal: it would wait for a process that has just ended, before `exited` sees it.
        os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def finish(self) -> str | None:
        return how_it_ended(self.exit_status())

    def exit_status(self) -> int:
        self.kill()  # a killed run may leave environment workers behind
        return self._process.wait()

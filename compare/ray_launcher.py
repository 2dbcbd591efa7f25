"""Runs on a Ray cluster. Each is an actor that starts the worker on its node and keeps the run's directory up to date
at its URI; an actor or node that is lost is replaced, and the run goes on from what is there.

Every node needs this installation at the same path (one image, or a shared file system) and access to the URI.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compare import launchers, rundir
from compare.launchers import LocalJob, how_it_ended
from compare.remote import Mirror, fetch_measured
from compare.rundir import Run
from metta_puffer import uris
from metta_puffer.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
ATTEMPTS = 4  # of a run whose actors are lost
PUSH_SECONDS = 5.0
THREADS = 1  # of a run; as many CPUs of the cluster are reserved for it


def ray_module() -> Any:
    """Raises UserError when Ray is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere unless asked
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "Ray is not installed", key="--launcher", value="ray", remedy="pip install 'metta-puffer[ray]'"
        ) from error
    return ray


class RemoteRun:
    """The actor: one run on one node."""

    def __init__(self, run_id: str, uri: str, command: Sequence[str], options: Sequence[str]) -> None:
        self._run_id, self._uri = run_id, uri
        self._command, self._options = command, options
        self._stopped = threading.Event()
        self._job: LocalJob | None = None

    def work(self) -> int:
        """Train to the end, or until told to stop. The worker's exit status."""
        with tempfile.TemporaryDirectory(prefix=f"{self._run_id}-") as scratch:
            folder = Path(scratch) / self._run_id
            folder.mkdir()
            mirror = Mirror(folder, self._uri)
            mirror.fetch()
            run = rundir.load(folder)
            command = [*self._command, str(folder), "--parent", str(os.getpid()), *self._options]
            self._job = job = LocalJob(run, command, str(THREADS))
            try:
                while not job.exited():
                    if self._stopped.wait(PUSH_SECONDS):
                        self._stopped.clear()
                        job.stop()
                    mirror.push()
                return job.exit_status()
            finally:
                job.kill()
                mirror.push()

    def stop(self) -> None:
        self._stopped.set()


class RayLauncher:
    """`runs_uri` is where the runs' directories are, for every node to read and write."""

    def __init__(self, runs: Sequence[Run], runs_uri: str) -> None:
        """Join the cluster of RAY_ADDRESS or of this machine; start one here if there is none. Raises UserError."""
        self._ray = ray_module()
        try:
            self._ray.init(
                runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
                log_to_driver=False,
                logging_level="ERROR",
                ignore_reinit_error=True,
            )
        except Exception as error:  # a cluster that does not answer or start has no exception of its own
            raise UserError(
                f"no Ray cluster answers ({str(error).splitlines()[0]})",
                key="RAY_ADDRESS",
                value=os.environ.get("RAY_ADDRESS"),
                remedy="start one with `ray start --head`; or unset RAY_ADDRESS, and `ray stop` what is left of an "
                "earlier one, for one of this machine alone",
            ) from error
        self._runs_uri = runs_uri
        self._followed: dict[str, float] = {}
        for run in runs:
            if not self._here(run):
                self._exchange(run)

    @property
    def jobs(self) -> int:
        """Runs for which the cluster has room at once."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)) // THREADS)

    def uri(self, run: Run) -> str:
        return uris.join(self._runs_uri, run.dir.name)

    def start(self, run: Run, options: Sequence[str]) -> "RayJob":
        return RayJob(self._ray, run, self, options)

    def follow(self, run: Run) -> None:
        now = time.monotonic()
        if now - self._followed.get(run.run_id, 0.0) >= PUSH_SECONDS:
            self._followed[run.run_id] = now
            self.fetch(run)

    def fetch(self, run: Run) -> None:
        """Bring what the run has measured into its directory, unless that is where its URI leads."""
        if not self._here(run):
            fetch_measured(self.uri(run), run.dir)

    def _here(self, run: Run) -> bool:
        return not uris.is_remote(self._runs_uri) and uris.local_path(self.uri(run)).resolve() == run.dir.resolve()

    def _exchange(self, run: Run) -> None:
        """The claimed directory's run file goes to the URI; what another machine has measured there comes back."""
        theirs = uris.join(self.uri(run), rundir.RUN_FILE)
        if uris.is_file(theirs):
            begun = rundir.kept_plan(run.dir, json.loads(uris.read_bytes(theirs)))
            if rundir.plan_hash(begun) != rundir.plan_hash(run.plan):
                raise UserError(
                    "a run with other settings is there",
                    file=self.uri(run),
                    key="--runs-uri",
                    remedy="choose another --runs-uri, or put the settings back to resume it",
                )
            # With the hash with which it was begun, which its result names.
            uris.get(theirs, run.dir / rundir.RUN_FILE)
        uris.put(run.dir / rundir.RUN_FILE, theirs)
        self.fetch(run)


class RayJob:
    def __init__(self, ray: Any, run: Run, launcher: RayLauncher, options: Sequence[str]) -> None:
        self._ray, self._run, self._launcher = ray, run, launcher
        self._how: str | None = None
        self._stopping, self._attempts = False, 0
        gpus = 1 if run.plan.device.startswith("cuda") else 0
        self._new_actor = ray.remote(RemoteRun).options(num_cpus=THREADS, num_gpus=gpus, max_concurrency=2)
        self._arguments = (run.dir.name, launcher.uri(run), launchers.WORKER, list(options))
        self._begin()

    def _begin(self) -> None:
        self._attempts += 1
        self._actor = self._new_actor.remote(*self._arguments)
        self._end = self._actor.work.remote()

    def exited(self) -> bool:
        ended, _ = self._ray.wait([self._end], timeout=0)
        if not ended:
            return False
        try:
            self._how = how_it_ended(self._ray.get(self._end))
        except self._ray.exceptions.RayActorError:
            if self._stopping:
                return True
            if self._attempts < ATTEMPTS:
                self._begin()
                return False
            self._how = f"lost its Ray actor {ATTEMPTS} times"
        except self._ray.exceptions.RayError as error:
            self._how = str(error).strip().splitlines()[-1]
        return True

    def stop(self) -> None:
        self._stopping = True
        self._actor.stop.remote()

    def kill(self) -> None:
        self._stopping = True
        self._ray.kill(self._actor)

    def finish(self) -> str | None:
        self._ray.kill(self._actor)
        self._launcher.fetch(self._run)
        return self._how

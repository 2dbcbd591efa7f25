"""Runs survive: failures, kills and stops lose nothing finished, and what is left resumes."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from compare import launchers, rundir, runs
from compare.progress import PlainDisplay
from metta_puffer.errors import UserError
from metta_puffer.tracking.jsonl import read_records
from tests.compare.plans import run

FAKE = (sys.executable, "-m", "tests.compare.fake_worker")


@pytest.fixture(autouse=True)
def fake_worker(monkeypatch):
    monkeypatch.setattr(launchers, "WORKER", FAKE)
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.02)


def run_all(*planned, jobs=2):
    for one in planned:
        rundir.claim(one)
    said = io.StringIO()
    done = runs.run_all(
        planned, jobs=jobs, launcher=launchers.LocalLauncher(jobs), display=PlainDisplay(Console(file=said))
    )
    return done, said.getvalue()


def test_a_failed_run_shows_its_log_and_the_rest_goes_on(tmp_path):
    good, bad = run(tmp_path, "puffer"), run(tmp_path, "native", fail_at_epoch=3)
    done, said = run_all(bad, good, jobs=1)
    assert done
    assert rundir.status(good) == "finished" and rundir.status(bad) == "failed"
    assert "native-seed0 failed (exit status 1)" in said and "the fake trainer was told to fail" in said
    assert len(read_records(good.metrics)) == 10 and len(read_records(bad.metrics)) == 2


def test_a_finished_run_is_not_run_again_and_a_failed_one_is(tmp_path):
    good, bad = run(tmp_path, "puffer"), run(tmp_path, "native", fail_at_epoch=3)
    run_all(good, bad)
    before = good.log.read_bytes()
    run_all(good, bad)
    assert good.log.read_bytes() == before
    assert bad.log.read_text().count("was told to fail") > 1


def test_a_directory_of_other_settings_is_refused_with_what_changed(tmp_path):
    rundir.claim(run(tmp_path, epochs=2))
    with pytest.raises(UserError, match=r"batch\.total_timesteps was 256, is 384"):
        rundir.claim(run(tmp_path, epochs=3))


def test_a_directory_of_an_earlier_version_without_newer_settings_goes_on(tmp_path):
    planned = run(tmp_path)
    run_all(planned)
    path, result = planned.dir / rundir.RUN_FILE, planned.dir / rundir.RESULT_FILE
    older = json.loads(path.read_text())
    del older["plan"]["total_wall_seconds"]
    path.write_text(json.dumps({**older, "plan_hash": "of-then"}))
    result.write_text(json.dumps({**json.loads(result.read_text()), "plan_hash": "of-then"}))
    before = planned.log.read_bytes()
    run_all(planned)
    assert rundir.status(planned) == "finished" and planned.log.read_bytes() == before
    path.write_text(json.dumps({**older, "plan": {**older["plan"], "of_the_future": 1}}))
    with pytest.raises(UserError, match="not a plan of this version"):
        rundir.claim(planned)


def test_a_killed_run_is_reported_and_resumes_from_its_checkpoint(tmp_path):
    planned = run(tmp_path, epochs=40, pause_seconds=0.01)
    rundir.claim(planned)
    for _ in range(3):
        worker = subprocess.Popen([*FAKE, str(planned.dir), "--parent", str(os.getpid())])
        seen = len(read_records(planned.metrics))
        while len(read_records(planned.metrics)) < seen + 5:
            assert worker.poll() is None
        worker.kill()
        worker.wait()
        assert rundir.status(planned) == "partial"
    run_all(planned)
    assert rundir.status(planned) == "finished"
    assert [record.epoch for record in read_records(planned.metrics)] == list(range(1, 41))
    starts = [line for line in planned.log.read_text().splitlines() if line.startswith("training")]
    assert starts != ["training puffer from epoch 0"]


COMPARISON = """
import sys
from pathlib import Path
from rich.console import Console
from compare import launchers, rundir, runs
from compare.progress import PlainDisplay
from tests.compare.plans import run
launchers.WORKER = tuple(sys.argv[2:])
out = Path(sys.argv[1])
planned = [run(out, "puffer", 0, epochs=3)]
planned += [run(out, arm, 1, epochs=200, pause_seconds=0.02) for arm in ("puffer", "native")]
for one in planned:
    rundir.claim(one)
local = launchers.LocalLauncher(2)
sys.exit(0 if runs.run_all(planned, jobs=2, launcher=local, display=PlainDisplay(Console())) else 130)
"""


def start_comparison(out):
    parent = subprocess.Popen(
        [sys.executable, "-c", COMPARISON, str(out), *FAKE], stdout=subprocess.PIPE, start_new_session=True
    )
    wait_for((out / "puffer-seed0" / rundir.RESULT_FILE).exists)
    wait_for(lambda: all(len(read_records(out / f"{arm}-seed1/metrics.jsonl")) > 3 for arm in ("puffer", "native")))
    return parent


def wait_for(condition, timeout_seconds=60):
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.01)


def workers_of(out: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(out).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_request_ends_every_run_cleanly(tmp_path, how):
    parent = start_comparison(tmp_path)
    parent.send_signal(how)
    said, _ = parent.communicate(timeout=60)
    assert parent.returncode == 130 and b"--resume" in said
    assert not workers_of(tmp_path)
    for arm in ("puffer", "native"):
        stopped = rundir.load(tmp_path / f"{arm}-seed1")
        assert rundir.status(stopped) == "partial"
        checkpoint = json.loads((stopped.dir / "checkpoint.json").read_text())
        assert checkpoint["epoch"] == read_records(stopped.metrics)[-1].epoch
    assert rundir.status(rundir.load(tmp_path / "puffer-seed0")) == "finished"


def test_when_the_comparison_is_killed_its_runs_stop_too(tmp_path):
    parent = start_comparison(tmp_path)
    parent.kill()
    parent.wait()
    wait_for(lambda: not workers_of(tmp_path))
    assert rundir.status(rundir.load(tmp_path / "native-seed1")) == "partial"


def test_two_processes_never_work_in_one_directory(tmp_path):
    planned = run(tmp_path)
    rundir.claim(planned)
    refused = pytest.raises(UserError, match="another process is at work")
    with rundir.locked(planned.dir, wait=False), refused, rundir.locked(planned.dir, wait=False):
        raise AssertionError("both hold it")
    with rundir.locked(planned.dir, wait=False):
        assert rundir.status(planned) == "waiting"


def test_runs_that_end_just_when_they_are_stopped_are_counted(tmp_path, monkeypatch):
    # The first to end is enough, and the other ends by itself before the request reaches it.
    planned = [run(tmp_path, arm, epochs=3) for arm in ("puffer", "native")]
    for one in planned:
        rundir.claim(one)
    stop = runs._stop

    def stop_late(running):
        for job in running:
            os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOWAIT)
        stop(running)

    monkeypatch.setattr(runs, "_stop", stop_late)

    def enough():
        return any(rundir.status(one) == "finished" for one in planned)

    display = PlainDisplay(Console(file=io.StringIO()))
    assert runs.run_all(planned, jobs=2, launcher=launchers.LocalLauncher(2), display=display, enough=enough)
    assert [rundir.status(one) for one in planned] == ["finished", "finished"]


def test_a_worker_that_a_scheduler_started_leaves_word_of_its_failure(tmp_path):
    bad = run(tmp_path, fail_at_epoch=3)
    rundir.claim(bad)
    done = subprocess.run([*FAKE, str(bad.dir)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "the fake trainer was told to fail" in done.stderr
    assert rundir.status(bad) == "failed"
    failure = rundir.read_json(bad.dir / rundir.FAILURE_FILE)
    assert failure["how"] == "exit status 1" and "the fake trainer was told to fail" in failure["log_tail"]
    (bad.dir / rundir.RUN_FILE).unlink()
    assert subprocess.run([*FAKE, str(bad.dir)], capture_output=True, check=False).returncode == 2

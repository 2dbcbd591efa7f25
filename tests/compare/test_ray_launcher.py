"""Runs on a Ray cluster that the test starts on this machine. Ray's own start takes long."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from compare import command, launchers, ray_launcher, rundir
from compare.baseline import Baseline
from metta_puffer.errors import EXIT_UNUSABLE_INPUT
from metta_puffer.tracking.jsonl import read_records
from tests.compare.configs import write_configs

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

EPOCHS = 60
BUDGET = str(EPOCHS * 32)


@pytest.fixture(scope="module")
def ray():
    module = ray_launcher.ray_module()
    module.init(
        address="local",  # whatever cluster was here before
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=10**8,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ray_launcher.ROOT), "FAKE_PAUSE_SECONDS": "0.1"}},
    )
    yield module
    module.shutdown()


@pytest.fixture
def fake(monkeypatch, capsys, ray):
    monkeypatch.setattr(launchers, "WORKER", (sys.executable, "-m", "tests.compare.fake_worker"))
    monkeypatch.setattr(command, "random_baseline", lambda env, out: Baseline(0.25, 0.01))
    monkeypatch.setattr(ray_launcher, "PUSH_SECONDS", 1.0)

    def call(*arguments):
        status = command.main([*map(str, arguments), "--launcher", "ray"])
        return status, *capsys.readouterr()

    return call


def actors() -> list[int]:
    """Processes of the actors that hold a run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"ray::RemoteRun"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill_an_actor(metrics: Path, killed: list[int]) -> None:
    """Once this run has come a third of the way, and is at its URI."""
    while len(read_records(metrics)) < EPOCHS // 3:
        time.sleep(0.05)
    killed.append(actors()[0])
    os.kill(killed[0], signal.SIGKILL)


def test_runs_survive_a_killed_actor_and_come_back_through_their_uri(tmp_path, fake):
    out, uri = tmp_path / "out", f"file://{tmp_path}/store"
    arguments = [*write_configs(tmp_path), "--seeds", 1, "--total-agent-steps", BUDGET, "--out", out]
    killed: list[int] = []
    metrics = tmp_path / "store" / "puffer-seed0" / "metrics.jsonl"
    killer = threading.Thread(target=kill_an_actor, args=(metrics, killed), daemon=True)
    killer.start()
    status, said, errors = fake(*arguments, "--runs-uri", uri)
    killer.join(timeout=10)
    assert status == 0, said + errors
    assert killed
    summary = json.loads((out / "summary.json").read_text())
    assert summary["completeness"]["finished"] == 2
    starts = []
    for arm in ("puffer", "native"):
        run = rundir.load(out / "runs" / f"{arm}-seed0")
        assert rundir.status(run) == "finished"
        assert [record.epoch for record in read_records(run.metrics)] == list(range(1, EPOCHS + 1))
        assert (
            not (run.dir / "checkpoint.json").exists()
            and (tmp_path / "store" / f"{arm}-seed0/checkpoint.json").exists()
        )
        starts += [line for line in run.log.read_text().splitlines() if line.startswith("training")]
    resumed = [line for line in starts if not line.endswith("from epoch 0")]
    assert len(resumed) == 1, starts
    # Another machine with an empty folder finds everything finished at the URI.
    again = [*arguments[:-1], tmp_path / "elsewhere", "--runs-uri", uri]
    status, said, _ = fake(*again)
    assert status == 0 and "started" not in said
    status, _, errors = fake(*[BUDGET + "0" if value == BUDGET else value for value in again], "--resume")
    assert status == EXIT_UNUSABLE_INPUT and "other settings" in errors


def test_a_failing_run_shows_its_log_and_the_rest_goes_on(tmp_path, fake, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(launchers, "WORKER", (sys.executable, "-c", "print('no luck'); raise SystemExit(3)"))
    arguments = [*write_configs(tmp_path), "--seeds", 1, "--total-agent-steps", 320, "--out", out]
    status, said, _ = fake(*arguments)
    assert status == command.EXIT_INCOMPLETE
    assert "puffer-seed0 failed (exit status 3)" in said and "no luck" in said
    monkeypatch.setattr(launchers, "WORKER", (sys.executable, "-m", "tests.compare.fake_worker"))
    status, said, _ = fake(*arguments, "--resume")
    assert status == 0
    assert json.loads((out / "summary.json").read_text())["completeness"]["finished"] == 2

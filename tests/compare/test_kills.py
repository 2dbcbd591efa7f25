"""kill -9 of any process at any moment loses nothing finished and corrupts nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compare import rundir
from metta_puffer.tracking.jsonl import read_records
from metta_puffer.tracking.store import open_store
from tests.compare.configs import write_configs

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 60
ROWS = 32  # agent-steps a round of the tiny configurations


def processes_of(parent: int) -> list[int]:
    """The comparison and its workers."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except FileNotFoundError:
        children = []
    return [parent, *map(int, children)]


@pytest.mark.parametrize("kills", [4, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_killed_at_random_moments(tmp_path, kills):
    chance = random.Random(kills)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tests.compare.fake_run_ab", *write_configs(tmp_path)]
    command += ["--seeds", "2", "--total-agent-steps", str(EPOCHS * ROWS), "--out", str(out), "--resume", "--jobs", "2"]
    slow = {**os.environ, "FAKE_PAUSE_SECONDS": str(kills * 0.003)}
    finished: dict[Path, bytes] = {}
    for _ in range(kills):
        with subprocess.Popen(command, cwd=ROOT, env=slow, stdout=subprocess.DEVNULL) as parent:
            time.sleep(chance.uniform(0.0, 4.0))
            for victim in chance.sample(processes_of(parent.pid), k=1):
                os.kill(victim, signal.SIGKILL)
            if victim != parent.pid:
                # The others go on; a part of the time they come to their end.
                time.sleep(chance.uniform(0.0, 2.0))
                parent.kill()
        for path, content in finished.items():
            assert path.read_bytes() == content
        finished |= {path: path.read_bytes() for path in out.glob("runs/*/result.json")}
        if (out / "results.duckdb").exists():
            with open_store(out / "results.duckdb") as connection:
                counts = connection.execute(
                    "SELECT run_id, count(DISTINCT epoch), count(*) FROM curves GROUP BY run_id"
                )
                assert all(epochs == rows for _, epochs, rows in counts.fetchall())
    assert subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0
    for directory in sorted((out / "runs").iterdir()):
        assert rundir.status(rundir.load(directory)) == "finished"
        assert [record.epoch for record in read_records(directory / "metrics.jsonl")] == list(range(1, EPOCHS + 1))
    assert json.loads((out / "summary.json").read_text())["completeness"]["finished"] == 4
    with open_store(out / "results.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM curves").fetchone() == (4 * EPOCHS,)

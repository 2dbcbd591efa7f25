"""Both real trainers killed in the middle of a comparison, which then goes on from their checkpoints."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from compare import rundir
from metta_puffer.tracking.jsonl import read_records
from tests.compare.configs import write_configs

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 400
KILLED_AFTER = 150  # a checkpoint is written every 100 rounds


def children(parent: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def test_killed_halfway_both_trainers_go_on(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, str(ROOT / "compare/run_ab.py"), *write_configs(tmp_path), "--seeds", "1", "--jobs", "2"]
    command += ["--total-agent-steps", str(EPOCHS * 32), "--out", str(out), "--resume", "--evaluation-episodes", "1"]
    files = [out / "runs" / f"{arm}-seed0" / "metrics.jsonl" for arm in ("puffer", "native")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as parent:
        killed: dict[Path, int] = {}
        while len(killed) < 2:
            assert parent.poll() is None
            time.sleep(0.02)
            for file in files:
                if file not in killed and len(read_records(file)) >= KILLED_AFTER:
                    for worker in children(parent.pid):
                        if str(file.parent).encode() in Path(f"/proc/{worker}/cmdline").read_bytes():
                            os.kill(worker, signal.SIGKILL)
                            killed[file] = len(read_records(file))
        assert parent.wait() == 1  # both runs failed
    runs = [rundir.load(file.parent) for file in files]
    assert [rundir.status(run) for run in runs] == ["failed", "failed"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for run in runs:
        records = read_records(run.metrics)
        assert [record.epoch for record in records] == list(range(1, EPOCHS + 1))
        assert records[-1].agent_steps == EPOCHS * 32
        seconds = [record.wall_seconds for record in records]
        assert seconds == sorted(seconds)
        # Gone on with from a checkpoint: only the rounds after it were logged twice, not those before.
        logged = [json.loads(line)["epoch"] for line in run.metrics.read_text().splitlines()]
        again = next(after for before, after in pairwise(logged) if after <= before)
        assert again % 100 == 1 and again > 1
        evaluated = [record.epoch for record in read_records(run.dir / "evaluations.jsonl")]
        assert evaluated == [100, 200, 300, 400]
    assert json.loads((out / "summary.json").read_text())["completeness"]["finished"] == 2

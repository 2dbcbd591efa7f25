"""wandb without an account: everything stays on this machine, ready for `wandb sync`. Starts wandb's own service."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compare import command, launchers
from compare.baseline import Baseline
from metta_puffer.errors import EXIT_UNUSABLE_INPUT
from tests.compare.configs import write_configs

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]


def test_runs_and_report_are_kept_offline_in_one_group(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(launchers, "WORKER", (sys.executable, "-m", "tests.compare.fake_worker"))
    monkeypatch.setattr(command, "random_baseline", lambda env, out: Baseline(0.25, 0.01))
    out = tmp_path / "out"
    arguments = [*write_configs(tmp_path), "--seeds", "1", "--total-agent-steps", "320", "--out", str(out), "--wandb"]
    assert command.main(arguments) == 0
    kept = {path.name.split("-", 3)[-1] for path in out.rglob("offline-run-*") if path.is_dir()}
    assert kept == {"out-puffer-seed0", "out-native-seed0", "out-report"}


def test_a_mode_that_wandb_does_not_know_is_refused_before_anything_starts(tmp_path):
    # In a process of its own: wandb reads its settings once.
    call = [sys.executable, "-m", "tests.compare.fake_run_ab", *write_configs(tmp_path), "--seeds", "1"]
    call += ["--total-agent-steps", "320", "--out", str(tmp_path / "out"), "--wandb"]
    done = subprocess.run(
        call, env={**os.environ, "WANDB_MODE": "onlin"}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == EXIT_UNUSABLE_INPUT
    assert "WANDB_MODE: wandb refuses it: Input should be 'online', 'offline'" in done.stderr
    assert "Remedy" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()

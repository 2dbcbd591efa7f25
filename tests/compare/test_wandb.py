"""wandb without an account: everything stays on this machine, ready for `wandb sync`. Starts wandb's own service."""

import sys

import pytest

from compare import command, launchers
from compare.baseline import Baseline
from tests.compare.configs import write_configs

pytestmark = pytest.mark.long


def test_runs_and_report_are_kept_offline_in_one_group(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(launchers, "WORKER", (sys.executable, "-m", "tests.compare.fake_worker"))
    monkeypatch.setattr(command, "random_baseline", lambda env, out: Baseline(0.25, 0.01))
    out = tmp_path / "out"
    arguments = [*write_configs(tmp_path), "--seeds", "1", "--total-agent-steps", "320", "--out", str(out), "--wandb"]
    assert command.main(arguments) == 0
    kept = {path.name.split("-", 3)[-1] for path in out.rglob("offline-run-*") if path.is_dir()}
    assert kept == {"out-puffer-seed0", "out-native-seed0", "out-report"}

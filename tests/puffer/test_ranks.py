"""Two processes that train one policy, as torchrun starts them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from metta_puffer.tracking.jsonl import read_records
from tests.puffer.test_cli import TINY


@pytest.mark.long
def test_two_ranks_train_one_policy_and_the_first_logs(tmp_path: Path) -> None:
    arguments = ["train", "arena-small", *TINY, "--train.total-timesteps", "768", "--run-dir", "run"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "metta_puffer.cli.puffer", *arguments]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    records = read_records(tmp_path / "run" / "metrics.jsonl")
    # 96 agent-steps a rank and round.
    assert [(record.epoch, record.agent_steps) for record in records] == [(1, 192), (2, 384), (3, 576), (4, 768)]
    weights = torch.load(tmp_path / "run.pt", weights_only=True)
    assert all(name.startswith("module.") for name in weights)

    from metta_puffer.cli.puffer import main

    one_rank = ["--load-model-path", str(tmp_path / "run.pt"), "--render-mode", "none"]
    assert main(["eval", "arena-small", *TINY, *one_rank]) == 0

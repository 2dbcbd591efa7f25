"""metta-native as a user meets it, on the real arena at a tiny size."""

import json
from pathlib import Path

import pytest
import torch

from metta_puffer.cli.native import main
from metta_puffer.native import checkpoints
from metta_puffer.tracking.jsonl import read_records

TINY = """
env: {game: arena, num_agents: 2, max_steps: 10}
policy: {name: small, hidden_size: 8, conv_channels: 2}
trainer:
  total_timesteps: 128
  batch_size: 64
  minibatch_size: 32
  bptt_horizon: 8
  forward_pass_minibatch_target_size: 4
  num_workers: 1
  sampling: sequential
device: cpu
"""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def config(tmp_path: Path) -> str:
    # The file is read on top of the defaults beside it.
    (tmp_path / "metta.yaml").write_text(Path("configs/native/metta.yaml").read_text())
    (tmp_path / "tiny.yaml").write_text(TINY)
    return str(tmp_path / "tiny.yaml")


def test_train_resume_and_score(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = tmp_path / "run"
    train = ["train", "--config", config, "--run-dir", str(run_dir)]
    assert main(train) == 0
    assert "finished: 128 agent-steps, 2 epochs, 4 gradient updates" in capsys.readouterr().out
    assert main([*train, "--resume", "trainer.total_timesteps=256"]) == 0
    records = read_records(run_dir / "metrics.jsonl")
    assert [record.agent_steps for record in records] == [64, 128, 192, 256]
    assert [record.env_steps for record in records] == [32, 64, 96, 128]
    assert any("environment/agent/heart.gained" in record.values for record in records)
    assert json.loads((run_dir / "plan.json").read_text())["batch"]["total_timesteps"] == 256
    capsys.readouterr()
    assert main(["eval", str(run_dir), "--episodes", "3"]) == 0
    assert capsys.readouterr().out.startswith("episode_return")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trainer.total_timestep=5"], "Did you mean 'trainer.total_timesteps'?"),
        (["trainer.batch_size=many"], "trainer.batch_size = 'many'"),
        (["trainer.minibatch_size=4096"], "minibatch_size"),
        (["trainer.total_timesteps"], "write KEY=VALUE"),
        (["env.num_agent=3"], "num_agent"),
        (["policy.name=smal"], "Did you mean 'small'?"),
        (["policy.hidden=3"], "policy.hidden = 3"),
        (["--resume"], "no run to resume"),
        (["--config", "missing.yaml"], "missing.yaml"),
    ],
)
def test_a_mistake_is_one_message_and_status_2(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["train", "--config", config, "--run-dir", str(tmp_path / "run"), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and "Remedy:" in error and "Traceback" not in error


def test_a_used_or_unwritable_run_folder_is_refused(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "plan.json").write_text("{}")
    assert main(["train", "--config", config, "--run-dir", str(tmp_path / "used")]) == 2
    assert "add --resume" in capsys.readouterr().err
    assert main(["train", "--config", config, "--run-dir", str(tmp_path / "metta.yaml" / "run")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_foreign_or_damaged_checkpoint_is_refused(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run"
    train = ["train", "--config", config, "--run-dir", str(run_dir), "trainer.total_timesteps=64"]
    assert main(train) == 0
    weights = checkpoints.resolve(run_dir) / checkpoints.WEIGHTS
    weights.write_bytes(b"foreign")
    assert main([*train, "--resume"]) == 2
    assert main(["eval", str(run_dir)]) == 2
    assert main(["eval", str(tmp_path / "nothing")]) == 2
    error = capsys.readouterr().err
    assert error.count(f"{weights}: not a usable checkpoint") == 2 and "no complete checkpoint" in error


def test_help_lists_the_keys_of_the_chosen_file(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--config", config, "--help"])
    shown = capsys.readouterr().out
    assert "trainer.bptt_horizon=8" in shown and "agent-steps of one row" in shown

"""metta-native as a user meets it, on the real arena at a tiny size."""

import json
import os
import shlex
import shutil
import signal
import sys
import uuid
from pathlib import Path

import pytest
import torch

from metta_puffer import uris
from metta_puffer.cli.native import main
from metta_puffer.native import checkpoints
from metta_puffer.tracking.jsonl import JsonlSink, read_records
from metta_puffer.tracking.schema import MetricRecord
from tests.small_disk import no_file_above

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
        (["checkpoint.on_failure=stopp"], "continue or stop"),
        (["trainer.initial_policy=runs/nowhere"], "no complete checkpoint there"),
        (["trainer.schedules=[{key: ppo.entcoef, kind: linear, start: 1e-2, end: 0}]"], "Did you mean 'ppo.ent_coef'?"),
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


def test_versions_of_a_run_are_scored(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = tmp_path / "run"
    assert main(["train", "--config", config, "--run-dir", str(run_dir), "checkpoint.checkpoint_interval=1"]) == 0
    for location, version in (
        (f"{run_dir}:latest", "v000002"),
        (f"{run_dir}:v1", "v000001"),
        (f"file://{run_dir}", ""),
    ):
        assert main(["eval", location, "--episodes", "1"]) == 0
        assert version in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model_000200.pt").touch()
    for location, said in (
        (f"{run_dir}:v7", f"no version v7; the nearest is v2, the newest v2\n  Remedy: write {run_dir}:v2"),
        (f"{run_dir}:lates", "'lates' is no version. Did you mean 'latest'?"),
        (f"{tmp_path}/rum", "no complete checkpoint there"),
        ("s3:/bucket/run", "two slashes"),
        ("gcs4://bucket/run", "no URI scheme gcs4://"),
        (str(tmp_path / "other"), "puffer eval ENV_NAME --load-model-path"),
    ):
        assert main(["eval", location]) == 2
        error = capsys.readouterr().err
        assert said in error and "Remedy:" in error


def test_a_run_kept_behind_a_uri_goes_on_where_nothing_of_it_is(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = f"memory://{uuid.uuid4().hex}/run"
    train = ["train", "--config", config, "--run-dir", kept]
    monkeypatch.chdir(tmp_path)
    assert main(train) == 0
    assert main(train) == 2
    assert "holds a run already" in capsys.readouterr().err
    shutil.rmtree("runs")  # another machine
    assert main([*train, "--resume", "trainer.total_timesteps=192"]) == 0
    assert "finished: 192 agent-steps, 3 epochs" in capsys.readouterr().out
    (tmp_path / "metrics.jsonl").write_bytes(uris.read_bytes(uris.join(kept, "metrics.jsonl")))
    assert [record.epoch for record in read_records(tmp_path / "metrics.jsonl")] == [1, 2, 3]
    assert main(["eval", f"{kept}:v3", "--episodes", "1"]) == 0
    assert main(["train", "--config", config, "--run-dir", kept.replace("/run", "/rum"), "--resume"]) == 2
    uris.remove(kept)


def test_a_full_disk_is_one_message_and_status_1(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ["train", "--config", config, "--run-dir", str(tmp_path / "run"), "checkpoint.on_failure=stop"]
    with no_file_above(10_000):  # plan and metrics fit, the checkpoint does not
        assert main(train) == 1
    error = capsys.readouterr().err
    assert "File too large" in error and "Newest checkpoint: none" in error and "Traceback" not in error
    assert main([*train, "--resume"]) == 0


def test_the_command_to_resume_an_interrupted_run_has_its_settings(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting(JsonlSink):
        def log(self, record: MetricRecord) -> None:
            super().log(record)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("metta_puffer.cli.native.JsonlSink", Interrupting)
    settings = ["trainer.total_timesteps=192", "policy.name=small"]
    assert main(["train", "--config", config, "--run-dir", str(tmp_path / "a run"), *settings]) == 130
    shown = capsys.readouterr().out.splitlines()[-1].removeprefix("resume with: metta-native ")
    monkeypatch.undo()
    assert main(shlex.split(shown)) == 0
    assert "finished: 192 agent-steps" in capsys.readouterr().out


def test_a_run_whose_folder_was_deleted_under_it_can_be_resumed(config: str, tmp_path: Path) -> None:
    train = ["train", "--config", config, "--run-dir", str(tmp_path / "run")]
    assert main(train) == 0
    (tmp_path / "run" / "plan.json").unlink()  # only what was written after the deletion is there
    assert main(train) == 2
    assert main([*train, "--resume"]) == 0
    assert (tmp_path / "run" / "plan.json").exists()


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
    weights = Path(checkpoints.resolve(run_dir), checkpoints.WEIGHTS)
    weights.write_bytes(b"foreign")
    assert main([*train, "--resume"]) == 2
    assert main(["eval", str(run_dir)]) == 2
    assert main(["eval", str(tmp_path / "nothing")]) == 2
    error = capsys.readouterr().err
    assert error.count(f"{weights}: not a usable checkpoint") == 2 and "no complete checkpoint" in error


def test_a_reader_that_stops_reading_is_no_failure_of_ours(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--config", config, "--run-dir", str(tmp_path / "run")]) == 0
    reader, writer = os.pipe()
    os.close(reader)  # as `| head` does when it has seen enough
    with os.fdopen(writer, "w") as stdout, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stdout)
        assert main(["eval", str(tmp_path / "run"), "--episodes", "1"]) == 1
        stdout.write("what is still in the buffer goes nowhere")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "invalid choice: 'trian'"),
        (["train", "--configg", "x"], "Did you mean '--config'?"),
        (["eval"], "required: RUN[:VERSION]"),
        (["eval", "run", "--episodes", "many"], "invalid int value: 'many'"),
    ],
)
def test_a_mistyped_command_is_one_message_too(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error and "Remedy: see metta-native" in error


def test_help_of_eval_is_there_outside_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["eval", "--help"])
    assert ended.value.code == 0 and "RUN[:VERSION]" in capsys.readouterr().out


def test_help_lists_the_keys_of_the_chosen_file(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--config", config, "--help"])
    shown = capsys.readouterr().out
    assert "trainer.bptt_horizon=8" in shown and "agent-steps of one row" in shown


def test_settings_may_stand_on_both_sides_of_an_option(config: str, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    arguments = [
        "train",
        "trainer.total_timesteps=64",
        "--config",
        config,
        "seed=3",
        "--run-dir",
        str(run_dir),
        "seed=4",
    ]
    assert main(arguments) == 0
    plan = json.loads((run_dir / "plan.json").read_text())
    assert (plan["seed"], plan["batch"]["total_timesteps"]) == (4, 64)
    assert main(["train", "--config", config, "--run-dri", str(run_dir)]) == 2

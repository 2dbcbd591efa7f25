"""The puffer command as a user types it, on Metta's own arena made tiny."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file as load_safetensors

from metta_puffer.cli.puffer import EXIT_INTERRUPTED, main
from metta_puffer.cli.puffer_arguments import configs_by_name
from metta_puffer.config.plan import RunPlan
from metta_puffer.tracking.jsonl import PLAN_FILE, read_records

# 3 worlds of 2 agents on 9 x 9 cells, episodes of 20 moments, 4 rounds of 96 agent-steps.
TINY = [
    "--env.num-agents", "2", "--env.num-worlds", "3", "--env.room-size", "9", "--env.max-steps", "20",
    "--env.agents-per-instance", "2", "--train.bptt-horizon", "16", "--train.minibatch-size", "48",
    "--train.total-timesteps", "384", "--train.checkpoint-interval", "2", "--train.device", "cpu",
    "--env.desync-episodes", "False",
]  # fmt: skip
SERIAL = ["--vec.backend", "Serial", "--env.num-worlds", "1", "--vec.num-envs", "3", "--vec.batch-size", "3"]
TWO_WORKERS = [
    "--vec.backend", "Multiprocessing", "--vec.num-envs", "2", "--vec.num-workers", "2", "--vec.batch-size", "1",
    "--vec.overwork", "True", "--env.num-worlds", "3", "--train.total-timesteps", "768",
]  # fmt: skip


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A finished tiny run's folder."""
    assert main(["train", "arena-small", *TINY, "--run-dir", "run"]) == 0
    return tmp_path / "run"


@pytest.mark.parametrize("vec", [[], SERIAL, TWO_WORKERS], ids=["PufferEnv", "Serial", "Multiprocessing"])
def test_train_writes_records_and_checkpoints(vec: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "arena-small", *TINY, *vec, "--run-dir", "experiments/one"]) == 0
    records = read_records("experiments/one/metrics.jsonl")
    assert [record.epoch for record in records] == [1, 2, 3, 4]
    plan = RunPlan.model_validate_json(Path("experiments/one", PLAN_FILE).read_text())  # for `run_ab.py --add`
    assert (plan.trainer, plan.batch.total_epochs) == ("puffer", 4)
    assert all(record.env_steps == record.agent_steps // 2 for record in records)
    assert any("score" in record.values and "environment/agent/heart.gained" in record.values for record in records)
    weights = [Path(f"experiments/one/model_{epoch:06d}.pt") for epoch in (2, 4)]
    assert all(path.exists() for path in weights)
    assert Path("experiments/one.pt").read_bytes() == weights[1].read_bytes()
    assert "finished after 4 epochs" in capsys.readouterr().out


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path: Path) -> None:
    arguments = ["train", "arena-small", *TINY, *TWO_WORKERS, "--train.total-timesteps", "3840", "--run-dir", "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "metta_puffer.cli.puffer", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch 1 ")  # the run has begun
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    output, errors = process.communicate()
    assert process.returncode == EXIT_INTERRUPTED
    assert "interrupted after" in output and "--run-dir run" in output and "Traceback" not in errors
    stopped = read_records("run/metrics.jsonl")[-1]
    assert 1 <= stopped.epoch < 20

    assert main(arguments) == 0
    records = read_records("run/metrics.jsonl")
    assert [record.epoch for record in records] == list(range(1, 21))
    assert records[-1].agent_steps == 3840
    assert records[stopped.epoch].wall_seconds > stopped.wall_seconds


def test_eval_plays_and_draws_a_checkpoint(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    weights = str(trained / "model_000004.pt")
    assert main(["eval", "arena-small", *TINY, "--load-model-path", weights, "--episodes", "2"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("⬛") > 20 * 2 * 9 and "episode 2: score" in shown and "mean score" in shown

    def scores() -> list[str]:
        quiet = ["--deterministic", "--render-mode", "none", "--train.data-dir", ".", "--load-model-path", "latest"]
        assert main(["eval", "arena-small", *TINY, *quiet]) == 0
        return capsys.readouterr().out.splitlines()

    assert scores() == scores() != []


def test_export_writes_the_checkpoints_weights(trained: Path) -> None:
    weights = torch.load(trained / "model_000004.pt", weights_only=True)
    arguments = ["--load-model-path", str(trained / "model_000004.pt"), "--output", "out/weights"]
    assert main(["export", "arena-small", *TINY, *arguments]) == 0
    exported = load_safetensors("out/weights.safetensors")
    assert all(torch.equal(exported[name], tensor) for name, tensor in weights.items())
    description = json.loads(Path("out/weights.json").read_text())
    flat = np.fromfile("out/weights.bin", "<f4")
    parts = [weights[one["name"]].numpy().ravel() for one in description["parameters"]]
    assert np.array_equal(flat, np.concatenate(parts))
    assert description["game"] == "arena" and description["actions"] == 5


def test_sweep_runs_resumes_and_stops_at_max_runs(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sweep", "arena-small", *TINY, "--sweep.method", "Random", "--run-dir", "sweep"]
    assert main([*arguments, "--max-runs", "1"]) == 0
    first = Path("sweep/sweep.jsonl").read_text()
    assert main([*arguments, "--max-runs", "3"]) == 0
    journal = Path("sweep/sweep.jsonl").read_text()
    assert journal.startswith(first)
    ended = [trial for trial in map(json.loads, journal.splitlines()) if trial["points"]]
    assert [trial["run"] for trial in ended] == [1, 2, 3]
    assert len({trial["overrides"]["train.learning_rate"] for trial in ended}) == 3
    for trial in ended:
        assert len(read_records(f"sweep/run_{trial['run']:04d}/metrics.jsonl")) == 4
    assert "best first" in capsys.readouterr().out


def test_autotune_recommends_what_it_measured_fastest(capsys: pytest.CaptureFixture[str]) -> None:
    from metta_puffer.cli.puffer import resolve
    from metta_puffer.cli.puffer_arguments import parse
    from metta_puffer.puffer.autotune import autotune, candidates

    plan = resolve(parse(["autotune", "arena-small", *TINY]))
    results = autotune(plan, seconds=0.05)
    assert all(one.env.total_agents == plan.env.total_agents for one in results)
    speeds = [one.agent_steps_per_second for one in results]
    assert speeds == sorted(speeds, reverse=True)
    assert f"backend = {results[0].env.backend}" in capsys.readouterr().out
    # 4 worlds on 2 cores: one object, four in this process, one worker, two workers in one and in two groups.
    four = plan.env.model_copy(update={"worlds_per_env": 4, "agents_per_env": 8})
    assert [(c.backend, c.envs, c.worlds_per_env, c.groups) for c in candidates(four, 2)] == [
        ("PufferEnv", 1, 4, 1), ("Serial", 4, 1, 1), ("Multiprocessing", 1, 4, 1), ("Multiprocessing", 2, 2, 1),
        ("Multiprocessing", 2, 2, 2),
    ]  # fmt: skip


def test_profile_writes_a_trace_of_rollout_and_update() -> None:
    assert main(["profile", "arena-small", *TINY, "--rounds", "1", "--run-dir", "profiled"]) == 0
    events = json.loads(Path("profiled/trace.json").read_text())["traceEvents"]
    assert {"rollout", "update"} <= {event.get("name") for event in events}


def test_help_lists_every_key_with_its_section_and_value(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "metta", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for wanted in ("[train]", "--train.learning-rate", "--policy-name", "[vec]", "--vec.num-envs", "--env.ore-reward"):
        assert wanted in text
    assert "neptune" not in text


WRONG = {
    "no mode": (["trian", "metta"], "Did you mean 'train'?"),
    "no env_name": (["train"], "no ENV_NAME given"),
    "other env_name": (["train", "mettta"], "Did you mean 'metta'?"),
    "other key": (["train", "metta", "--train.lerning-rate", "1"], "Did you mean 'train.learning_rate'?"),
    "other section": (["train", "metta", "--trian.gamma", "1"], "Did you mean 'train.gamma'?"),
    "other option": (["train", "metta", "--wanbd"], "Did you mean '--wandb'?"),
    "no value": (["train", "metta", "--env.mines"], "has no value"),
    "wrong type": (["train", "metta", "--train.gamma", "high"], "expected a number from 0 to 1"),
    "minibatch": (["train", "arena-small", "--train.minibatch-size", "1000"], "no whole rows of bptt_horizon"),
    "game option": (["train", "arena-small", "--env.ore-rewad", "1"], "Did you mean 'ore_reward'?"),
    "missing file": (["train", "--config", "gone.ini"], "gone.ini: no such file"),
    "no folder": (["train", "arena-small", *TINY, "--run-dir", "/proc/run"], "/proc/run: cannot be written"),
    "no checkpoint": (["eval", "arena-small", "--load-model-path", "gone.pt"], "gone.pt: no such checkpoint"),
    "none saved": (["eval", "arena-small", "--load-model-path", "latest"], "no model was saved here yet"),
    "runs": (["sweep", "arena-small", "--max-runs", "0"], "invalid whole number of at least 1 value: '0'"),
    "method": (["sweep", "arena-small", "--sweep.method", "Protien"], "Did you mean 'Protein'?"),
}


@pytest.mark.parametrize("arguments, message", WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_in_one_message(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors and "Remedy:" in errors and "Traceback" not in errors
    assert list(tmp_path.rglob("*.pt")) == []


@pytest.mark.parametrize("content", [b"not a checkpoint", b""], ids=["foreign", "empty"])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("model.pt").write_bytes(content)
    for mode in ("eval", "export", "train"):
        assert main([mode, "arena-small", *TINY, "--load-model-path", "model.pt"]) == 2
        assert "model.pt: is damaged, or no checkpoint" in capsys.readouterr().err
    assert not Path("experiments").exists()


def test_damaged_and_mismatched_checkpoints_are_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = trained / "model_000004.pt"
    assert main(["eval", "arena-small", *TINY, "--policy.hidden-size", "32", "--load-model-path", str(model)]) == 2
    assert "belongs to another policy or game" in capsys.readouterr().err
    assert main(["eval", "arena-small", *TINY, "--load-model-path", str(trained / "resume_state.pt")]) == 2
    assert "holds no policy weights" in capsys.readouterr().err
    model.write_bytes(model.read_bytes()[:-100])
    assert main(["train", "arena-small", *TINY, "--run-dir", str(trained)]) == 2
    assert "model_000004.pt: is damaged" in capsys.readouterr().err


def test_every_shipped_config_is_found_by_its_env_name() -> None:
    assert {"metta", "arena-small"} <= configs_by_name().keys()

"""The comparison as a user runs it, through its command line."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compare import command, launchers
from compare.baseline import Baseline
from metta_puffer.errors import EXIT_UNUSABLE_INPUT
from metta_puffer.tracking.store import open_store
from tests.compare.configs import write_configs

ROOT = Path(__file__).resolve().parents[2]
REAL = (sys.executable, str(ROOT / "compare" / "run_ab.py"))
FAKE = (sys.executable, "-m", "tests.compare.fake_run_ab")


@pytest.fixture
def fake(monkeypatch, capsys):
    """run_ab.py in this process with the fake trainer: returns exit status, output and errors."""
    monkeypatch.setattr(launchers, "WORKER", (sys.executable, "-m", "tests.compare.fake_worker"))
    monkeypatch.setattr(command, "random_baseline", lambda env, out: Baseline(0.25, 0.01))

    def call(*arguments):
        status = command.main(list(map(str, arguments)))
        return status, *capsys.readouterr()

    return call


def summary(out):
    return json.loads((out / "summary.json").read_text())


def test_both_real_trainers_end_in_a_report(tmp_path):
    out = tmp_path / "out"
    # From another folder: nothing may depend on where it is started.
    arguments = [*write_configs(tmp_path), "--seeds", "1", "--total-agent-steps", "192", "--out", str(out)]
    arguments += ["--evaluations", "1", "--evaluation-episodes", "1"]
    done = subprocess.run([*REAL, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(out / "report.html") in done.stdout and "Undecided" in done.stdout
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    with open_store(out / "results.duckdb", read_only=True) as connection:
        rows = connection.execute("SELECT arm, seed, status, agent_steps FROM runs ORDER BY arm").fetchall()
        assert rows == [("native", 0, "finished", 192), ("puffer", 0, "finished", 192)]
        names = connection.execute("SELECT DISTINCT arm, name FROM metrics").fetchall()
        assert {(arm, name) for arm in ("puffer", "native") for name in ("score", "evaluation/sampled")} <= set(names)
    found = summary(out)
    assert found["verdict"]["result"] == "undecided" and found["completeness"]["finished"] == 2
    assert isinstance(found["random_score"], float)
    assert {"path": "rules.reward_clamp", "puffer": 1.0, "native": None} in found["plan_differences"]
    assert found["arms"]["native"]["resolved"]["groups"] == 2
    page = (out / "report.html").read_text()
    assert found["verdict"]["sentence"].partition(": ")[2] in page and "http://" not in page.replace(
        "http://www.w3.org", ""
    )


def test_ctrl_c_leaves_what_is_finished_and_the_next_call_resumes(tmp_path, fake):
    out = tmp_path / "out"
    arguments = [*write_configs(tmp_path), "--seeds", "2", "--total-agent-steps", "6400", "--out", str(out)]
    slow = {**os.environ, "FAKE_PAUSE_SECONDS": "0.05"}
    with subprocess.Popen([*FAKE, *arguments, "--jobs", "2"], cwd=ROOT, env=slow, stdout=subprocess.PIPE) as process:
        metrics = out / "runs" / "native-seed0" / "metrics.jsonl"
        while not metrics.exists() or metrics.read_bytes().count(b"\n") < 5:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and b"--resume" in said
    assert summary(out)["verdict"]["result"] == "incomplete"
    status, _, errors = fake(*arguments)
    assert status == EXIT_UNUSABLE_INPUT and "--resume" in errors
    status, said, _ = fake(*arguments, "--resume")
    assert status == 0 and "resuming after" in said
    assert summary(out)["completeness"]["finished"] == 4


def test_a_failing_arm_gives_an_incomplete_verdict_and_says_why(tmp_path, fake, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setenv("FAKE_FAIL_ARM", "native")
    status, said, _ = fake(*write_configs(tmp_path), "--seeds", 2, "--total-agent-steps", 3200, "--out", out)
    assert status == 1
    assert "Incomplete: 0 of 2 planned runs of puffer and 2 of 2 of native" in said
    assert "was told to fail" in said and "was told to fail" in (out / "report.html").read_text()
    found = summary(out)
    assert found["verdict"]["result"] == "incomplete" and len(found["completeness"]["problems"]) == 2
    with open_store(out / "results.duckdb", read_only=True) as connection:
        (error,) = connection.execute("SELECT error FROM runs WHERE run_id = 'native-seed0'").fetchone()
        assert "was told to fail" in error


def test_it_stops_when_decided_and_a_further_call_runs_nothing_more(tmp_path, fake, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setenv("FAKE_NATIVE_SCORE", "3")
    arguments = [*write_configs(tmp_path), "--seeds", 9, "--total-agent-steps", 320, "--out", out]
    status, said, _ = fake(*arguments, "--stop-when-decided", "--jobs", 4)
    assert status == 0 and "Decided after 5 of at most 9 seeds an arm" in said
    found = summary(out)
    assert found["verdict"]["result"] == "native" and found["verdict"]["usable"] == [5, 5]
    assert found["verdict"]["confidence"] > 0.97  # the rest of the error is kept for the looks that were not needed
    status, said, _ = fake(*arguments, "--stop-when-decided", "--resume")
    assert status == 0 and "started" not in said


def test_a_budget_of_seconds_is_what_curves_and_verdict_are_over(tmp_path, fake):
    out = tmp_path / "out"
    status, said, errors = fake(*write_configs(tmp_path), "--seeds", 3, "--total-wall-seconds", 5, "--out", out)
    assert status == 0, errors
    assert "puffer-seed0: started, 0:05" in said and "finished, 0:05 of 0:05, 320 agent-steps" in said
    found = summary(out)
    assert found["verdict"]["axis"] == "wall_seconds" and found["completeness"]["problems"] == []
    seconds = {run["wall_seconds"] for arm in found["arms"].values() for run in arm["runs"]}
    assert seconds == {5.0}  # the fake trainer's rounds take half a second each
    assert found["arms"]["native"]["resolved"]["total_wall_seconds"] == 5.0
    assert "last tenth of the run" in (out / "report.html").read_text()


def test_a_configuration_that_ends_before_the_seconds_are_over_is_named(tmp_path, fake):
    arguments = [*write_configs(tmp_path), "--seeds", 1, "--total-wall-seconds", 5, "--out", tmp_path / "out"]
    ini = Path(arguments[1])
    ini.write_text(ini.read_text() + "total_timesteps = 128\n")
    assert fake(*arguments)[0] == 0
    (problem,) = summary(tmp_path / "out")["completeness"]["problems"]
    assert problem.startswith("puffer-seed0 came to the configuration's total_timesteps") and "raise" in problem


def test_a_scheduler_may_start_the_workers(tmp_path, fake):
    out = tmp_path / "out"
    arguments = [*write_configs(tmp_path), "--seeds", 1, "--total-agent-steps", 320, "--out", out, "--launcher", "none"]
    status, said, _ = fake(*arguments)
    assert status == command.EXIT_INCOMPLETE and "2 of 2 runs" in said
    assert "2 runs are not finished (puffer-seed0, native-seed0); --resume goes on" in said
    for directory in sorted((out / "runs").iterdir()):
        # As in a job script: from anywhere, with nothing but the directory.
        worker = subprocess.run(
            [sys.executable, "-m", "tests.compare.fake_worker", str(directory)], cwd=ROOT, check=False
        )
        assert worker.returncode == 0
    status, said, _ = fake(*arguments, "--resume")
    assert status == 0 and "0 of 2 runs" in said
    assert fake(*arguments, "--resume", "--runs-uri", "file:///x")[0] == EXIT_UNUSABLE_INPUT
    status, _, errors = fake(*arguments[:-1], "ray", "--resume", "--runs-uri", "s33://bucket/x")
    assert status == EXIT_UNUSABLE_INPUT and "no URI scheme" in errors


def test_a_damaged_run_is_reported_and_the_rest_goes_on(tmp_path, fake):
    arguments = [*write_configs(tmp_path), "--seeds", 1, "--total-agent-steps", 320, "--out", tmp_path / "out"]
    assert fake(*arguments)[0] == 0
    metrics = tmp_path / "out/runs/native-seed0/metrics.jsonl"
    lines = metrics.read_text().splitlines()
    metrics.write_text("\n".join(["{broken", *lines[1:]]) + "\n")
    status, said, _ = fake(*["2" if value == 1 else value for value in arguments], "--resume")
    assert status == command.EXIT_INCOMPLETE
    assert "native-seed0 failed" in said and "not a metrics record" in said and "native-seed1: finished" in said
    assert "1 of 2 of native gave no full curve" in said


def test_a_full_disk_is_one_message_and_nothing_half_written(tmp_path, fake, monkeypatch):
    out = tmp_path / "out"
    arguments = [*write_configs(tmp_path), "--seeds", 1, "--total-agent-steps", 320, "--out", out]

    def write_some(self, draft, **_):
        Path(draft).write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.savefig", write_some)
        status, _, errors = fake(*arguments)
    assert status == EXIT_UNUSABLE_INPUT
    assert f"{out}: cannot be written (No space left on device)" in errors and "--resume" in errors
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    status, said, _ = fake(*arguments, "--resume")
    assert status == 0 and "started" not in said and (out / "curves.png").exists()


def test_a_database_that_another_program_holds_costs_the_database_alone(tmp_path, fake):
    out = tmp_path / "out"
    arguments = [*write_configs(tmp_path), "--seeds", 1, "--total-agent-steps", 320, "--out", out]
    out.mkdir()
    hold = "import duckdb, sys, time; held = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(600)"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(out / "results.duckdb")], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        status, _, errors = fake(*arguments, "--resume")
        other.kill()
    assert status == EXIT_UNUSABLE_INPUT and "close other programs" in errors
    assert (out / "report.html").exists() and summary(out)["completeness"]["finished"] == 2
    status, said, _ = fake(*arguments, "--resume")
    assert status == 0 and "started" not in said
    with open_store(out / "results.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)


def test_runs_that_shared_cores_are_said_to(tmp_path, fake, monkeypatch):
    for name, jobs, cores in (("shared", 3, 2), ("own", 2, 2)):
        out = tmp_path / name
        monkeypatch.setattr(launchers, "physical_cores", lambda cores=cores: cores)
        assert (
            fake(*write_configs(tmp_path), "--seeds", 1, "--total-agent-steps", 320, "--out", out, "--jobs", jobs)[0]
            == 0
        )
        for result in out.glob("runs/*/result.json"):
            found = json.loads(result.read_text())
            assert found["runs_at_once"] == jobs
            result.write_text(json.dumps({**found, "physical_cores": cores}))
        fake(*write_configs(tmp_path), "--seeds", 1, "--total-agent-steps", 320, "--out", out, "--resume")
        warned = summary(out)["shared_cores"]
        assert (warned is not None) == (name == "shared")
        assert ("All runs shared cores" in (out / "report.html").read_text()) == (name == "shared")


def test_a_control_runs_an_arm_against_itself(tmp_path, fake):
    out = tmp_path / "out"
    arguments = [*write_configs(tmp_path), "--seeds", 3, "--total-agent-steps", 320, "--out", out]
    status, said, _ = fake(*arguments, "--aa", "puffer")
    assert status == 0 and "Control: It finds no difference, as it should" in said
    assert "Control: an arm against itself" in (out / "report.html").read_text()
    found = summary(out)
    assert [run["seed"] for run in found["arms"]["puffer-again"]["runs"]] == [3, 4, 5]
    control = next(pair for pair in found["other_verdicts"] if (pair["a"], pair["b"]) == ("puffer", "puffer-again"))
    assert control["decision"] == "undecided" and control["complete"]
    assert found["verdict"]["usable"] == [3, 3]
    assert fake(*arguments, "--aa", "puffer", "--stop-when-decided", "--resume")[0] == EXIT_UNUSABLE_INPUT


def test_the_ladder_says_which_difference_matters(tmp_path, fake, monkeypatch):
    out = tmp_path / "out"
    arguments = [*write_configs(tmp_path), "--seeds", 2, "--total-agent-steps", 320, "--out", out]
    # Every rule as PuffeRL has it, but for the rewards: one group is left beside the worlds.
    rules = "sampling: multinomial\n  advantage_refresh: minibatch\n  actor_advantage: cached\n  truncation: ignore\n"
    rules += "  rollout_state: reset\n  reset_state_on_done: false\n  row_end: ignore\n  training_state: zeros\n"
    tiny = tmp_path / "tiny.yaml"
    tiny.write_text(tiny.read_text() + "  " + rules)
    status, said, _ = fake(*arguments, "--ladder", "--jobs", 4)
    ladder = summary(out)["ladder"]
    groups = [step["group"] for step in ladder["steps"]]
    assert status == 0 and groups[0] == "trainer" and "rewards" in groups
    assert ladder["start"] + sum(step["value"] for step in ladder["steps"]) == pytest.approx(ladder["end"])
    assert f"The ladder adds {2 * (2 ** (len(groups) - 1) - 1)} runs to 4" in said
    assert "Which difference matters" in (out / "report.html").read_text()
    with open_store(out / "results.duckdb", read_only=True) as connection:
        assert ("ladder-none",) in connection.execute("SELECT DISTINCT arm FROM runs").fetchall()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"--seeds": "0"}, "--seeds = 0"),
        ({"--total-agent-steps": "-5"}, "--total-agent-steps = -5"),
        ({"--jobs": "-1"}, "--jobs = -1"),
        ({"--puffer": "missing.ini"}, "missing.ini"),
        ({"--native": "typo.yaml"}, "Did you mean"),
        ({"--out": "file/out"}, "cannot write here"),
        ({"--total-agent-stps": "5"}, "Did you mean '--total-agent-steps'?"),
    ],
)
def test_bad_input_is_one_message_and_exit_status_2(tmp_path, change, complaint, fake, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = dict(zip(*[iter(write_configs(tmp_path))] * 2, strict=True))
    given |= {"--seeds": "1", "--total-agent-steps": "1000", "--out": "out"}
    (tmp_path / "typo.yaml").write_text((tmp_path / "tiny.yaml").read_text().replace("batch_size: 32", "batchsize: 32"))
    (tmp_path / "file").write_text("")
    given |= change
    status, _, errors = fake(*(word for pair in given.items() for word in pair))
    assert status == EXIT_UNUSABLE_INPUT
    assert complaint in errors and "Remedy" in errors and "Traceback" not in errors
    assert not (tmp_path / "out").exists()

"""metta-audit as a user calls it."""

import json
import subprocess
import sys

import pytest

from metta_puffer.cli.audit import main
from metta_puffer.config.audit import CONTRACT_QUANTITIES
from tests.config.conftest import CONFIGS, Published

OURS = [
    "--puffer",
    str(CONFIGS / "puffer" / "arena-small.ini"),
    "--native",
    str(CONFIGS / "native" / "arena-small.yaml"),
]


def published_arguments(published: Published) -> list[str]:
    return ["--puffer", published.metta_2025_08, "--native", published.trainer_2025_08, "--native-agents", "3",
            "--workers", "16", "--cores", "64", "--gpus", "1"]  # fmt: skip


def test_json_holds_the_contract(published: Published, capsys: pytest.CaptureFixture[str]) -> None:
    main([*published_arguments(published), "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"puffer", "native", "mismatches", "findings", "reconciled", "engines"}
    assert report["engines"] == {"puffer": "native", "native": "native"}
    for side in ("puffer", "native"):
        assert set(CONTRACT_QUANTITIES) <= set(report[side])
    assert report["puffer"]["num_minibatches"] == 8
    assert report["native"]["agent_steps_collected_per_epoch"] == 1_040_400
    assert report["mismatches"][0]["quantity"] == "agents_per_env"
    for finding in report["findings"]:
        assert set(finding) == {"id", "severity", "side", "message", "evidence", "fix"}
        assert finding["severity"] in ("error", "warning", "note")
        assert finding["side"] in ("puffer", "native", "both")


def test_text_fits_80_columns_and_leads_with_the_agents(
    published: Published, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(published_arguments(published))
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    first = next(i for i, line in enumerate(lines) if "agents a world" in line)
    assert "64 (puffer) against 3 (native)" in lines[first]
    assert first < next(i for i, line in enumerate(lines) if line.startswith("envs"))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--puffer", "no.ini", "--native", "no.yaml"], "no such file"),
        ([*OURS, "train.batchsize=3"], "Did you mean 'train.batch_size'"),
        (["reconcle", *OURS], "Did you mean 'reconcile'"),
        ([*OURS, "train.batch_size=9223372036854775808"], "expected a whole number below 2^63"),
        ([*OURS, "train.batch_size=" + "(" * 5000], "(((...'"),
        ([*OURS, "--explain", "segmnts"], "Did you mean 'segments'"),
        ([*OURS, "--gpus", "1", "--explain", "process_bytes"], "runs on the CPU only"),
        ([*OURS, "env.num_agents=3"], "puffer.env.num_agents=3 or native.env.num_agents=3"),
        ([*OURS, "--native-agents", "0"], "0 is not between 1"),
        ([*OURS, "--formt", "json"], "--formt"),
        ([], "--puffer"),
    ],
)
def test_unusable_input_exits_2_without_a_traceback(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert "Traceback" not in printed.err


def test_ctrl_c_while_loading_leaves_no_traceback() -> None:
    code = (
        "import builtins, sys\n"
        "from metta_puffer.cli.audit import main\n"
        "load = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    if name == 'argparse':\n"
        "        raise KeyboardInterrupt\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = interrupted\n"
        "sys.exit(main([]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_exit_status_tells_clean_from_errors(published: Published, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*OURS, "--format", "json"]) == 0
    assert main([*OURS, "--cores", "2", "trainer.num_workers=64", "--format", "json"]) == 1


def test_neither_torch_nor_the_simulators_are_imported() -> None:
    code = (
        "import sys; from metta_puffer.cli.audit import main;"
        f"main({OURS!r});"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pufferlib', 'mettagrid', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0

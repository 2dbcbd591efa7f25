"""The other commands of metta-audit, and the audit's further formats."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from metta_puffer.cli.audit import main
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.pair import SIDES, Pair
from metta_puffer.config.reconcile import MATCHES, reconcile, write_pair
from metta_puffer.config.resolver import resolve_native, resolve_puffer
from metta_puffer.config.sides import native_side, puffer_side
from tests.config.conftest import CONFIGS, Published

OURS = {
    "puffer": str(CONFIGS / "puffer" / "arena-small.ini"),
    "native": str(CONFIGS / "native" / "arena-small.yaml"),
}
LAPTOP = Machine(physical_cores=2, logical_cpus=2, gpus=0)
MATCHED = {
    "total-agents": ("total_agents",),
    "agents-per-world": ("agents_per_env",),
    "batch": ("batch_size", "minibatch_size", "segments", "bptt_horizon"),
    "gradient-updates": ("gradient_updates_per_epoch",),
    "data-per-gradient": ("agent_steps_collected_per_gradient",),
    "everything": (
        "agents_per_env",
        "total_agents",
        "groups",
        "batch_size",
        "minibatch_size",
        "bptt_horizon",
        "gradient_updates_per_epoch",
        "total_timesteps",
        "total_epochs",
        "learning_rate_first",
        "learning_rate_last",
        "observation_buffer_bytes",
    ),
}


def files_of(kind: str, published: Published) -> dict[str, str]:
    return OURS if kind == "ours" else {"puffer": published.metta_2025_09, "native": published.trainer_2025_08}


@pytest.mark.parametrize("kind, agents", [("ours", 24), ("published", 3), ("published", 24)])
@pytest.mark.parametrize("wish", list(itertools.product(MATCHES, SIDES)), ids=" toward ".join)
def test_reconciled_pairs_match_and_train_as_they_are(
    wish: Any, kind: str, agents: int, published: Published, tmp_path: Path
) -> None:
    match, toward = wish
    pair = Pair(files_of(kind, published), LAPTOP, {"puffer": {}, "native": {"env.num_agents": agents}})  # type: ignore[arg-type]
    reconcile(pair, match, toward)
    ini, yaml = write_pair(pair, tmp_path, "written by a test")
    resolve_puffer(ini, run_dir="runs/x", machine=LAPTOP)
    resolve_native(yaml, run_dir="runs/x", machine=LAPTOP)
    puffer = puffer_side(load_puffer(ini), LAPTOP)
    native = native_side(load_native(yaml), LAPTOP)
    for name in MATCHED[match]:
        assert puffer.value(name) == pytest.approx(native.value(name)), name
    for written, kept in ((puffer, pair.puffer), (native, pair.native)):
        # The sweep's search space comes from the default file and is not part of the pair.
        assert written.loaded.model.model_dump(exclude={"sweep"}) == kept.loaded.model.model_dump(exclude={"sweep"})
        assert written.quantities.values_by_name() == kept.quantities.values_by_name()
        assert not written.loaded.unread


def test_a_fair_pair_audits_clean(published: Published, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--puffer", published.metta_2025_09, "--native", published.trainer_2025_08, "--cores", "16"]
    assert main(["reconcile", *arguments, "--match", "everything", "--out", str(tmp_path)]) == 0
    assert "what changed on the native side" in capsys.readouterr().out
    written = ["--puffer", str(tmp_path / "puffer.ini"), "--native", str(tmp_path / "native.yaml"), "--cores", "16"]
    assert main([*written, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    # Ours keeps one column more a row and has no worker processes, so the same data takes other bytes.
    others = {m["quantity"] for m in report["mismatches"] if not m["quantity"].endswith("_bytes")}
    assert others <= {"workers"}
    assert "observation_buffer_bytes" not in {m["quantity"] for m in report["mismatches"]}
    # PuffeRL draws rows independently whatever its keys say; nothing else is left to warn of.
    assert {f["id"] for f in report["findings"] if f["severity"] != "note"} <= {"rows-drawn-again"}


def test_an_impossible_wish_names_the_constraint(
    published: Published, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--puffer", published.metta_2025_09, "--native", published.trainer_2025_08, "--native-agents", "3"]
    assert main(["reconcile", *arguments, "--match", "total-agents", "--out", str(tmp_path), "--format", "json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert "no multiple of 2 groups of 3 agents" in result["constraints"][0]
    assert result["puffer"]["total_agents"] == result["native"]["total_agents"]


def test_unwritable_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    arguments = ["--puffer", OURS["puffer"], "--native", OURS["native"], "--match", "batch"]
    assert main(["reconcile", *arguments, "--out", str(tmp_path / "file" / "sub")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_explain_shows_formula_inputs_and_their_lines(
    published: Published, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    arguments = ["--puffer", published.metta_2025_08, "--native", published.trainer_2025_08, "--native-agents", "3"]
    main([*arguments, "--workers", "16", "--explain", "wasted_fraction"])
    text = capsys.readouterr().out
    assert "max(0, 1 - 524,288 / 1,040,400)" in text
    line = next(
        i for i, t in enumerate(Path(published.trainer_2025_08).read_text().split("\n"), 1) if "batch_size: 5" in t
    )
    assert f"trainer.batch_size in {published.trainer_2025_08}:{line}" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines() if "/" not in line) <= 80
    assert main([*arguments, "--explain", "wasted_fractoin"]) == 2
    assert "Did you mean 'wasted_fraction'" in capsys.readouterr().err


def test_scale_prints_the_scaling_table(
    published: Published, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["scale", "--native", published.trainer_2025_08, "--agents", "3,4,24", "--workers", "16", "--cores", "64"])
    text = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in text.splitlines() if "/" not in line) <= 80
    assert re.search(r"3 +16 +2,720 +1,040,400 +49\.6% +4,080 +32 +32,512\.5 +no", text)
    assert re.search(r"4 +16 +2,048 +524,288 +0\.0% +0 +32 +16,384 +yes", text)
    assert re.search(r"24 +16 +320 +979,200 +46\.5% +3,840 +32 +30,600 +no", text)


def test_diff_of_any_two_kinds(published: Published, capsys: pytest.CaptureFixture[str]) -> None:
    main(["diff", published.metta_2025_08, published.metta_2025_09, "--format", "json"])
    found = {d["name"]: (d["left"], d["right"]) for d in json.loads(capsys.readouterr().out)}
    assert found["train.total_timesteps"] == (300_000_000, 10_000_000_000)
    assert "train.bptt_horizon" not in found
    main(["diff", OURS["native"], published.metta_2025_09, "--format", "json"])
    kinds = {d["kind"] for d in json.loads(capsys.readouterr().out)}
    assert kinds == {"rule", "quantity"}
    assert main(["diff", OURS["native"], OURS["native"]]) == 0
    assert "no difference" in capsys.readouterr().out


def test_diff_tells_what_is_only_spelled_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(OURS["native"]).read_text()
    spelled = tmp_path / "spelled.yaml"
    spelled.write_text(text.replace("name: small", "name: small\n  hidden_size: 64\n  conv_channels: 8"))
    main(["diff", OURS["native"], str(spelled), "--format", "json"])
    found = {d["name"]: (d["kind"], d["left"], d["right"]) for d in json.loads(capsys.readouterr().out)}
    assert found["policy.hidden_size"] == ("spelled out", None, 64)
    assert found["policy.conv_channels"] == ("setting", 16, 8)
    spelled.write_text(text + "    norm_adv: true\n")  # the last section is trainer.ppo
    assert main(["diff", str(spelled), OURS["native"]]) == 0
    out = capsys.readouterr().out
    assert "no difference\n" in out
    assert re.search(r"trainer\.ppo\.norm_adv +True +-\n", out)


def test_quantities_are_named_in_full_at_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    files = ["--puffer", str(CONFIGS / "puffer" / "metta.ini"), "--native", str(CONFIGS / "native" / "metta.yaml")]
    main([*files, "--gpus", "8"])
    out = capsys.readouterr().out
    main(["reconcile", *files, "--match", "total-agents", "--native-agents", "7", "--out", str(tmp_path)])
    reconciled = capsys.readouterr().out
    assert re.search(r"^agent_steps_collected_per_gradient +[\d,]+ +[\d,]+ ", reconciled, re.M)
    assert re.search(r"^total_timesteps +300,000,000 +10,000,000,000 ", reconciled, re.M)
    for text in (out, reconciled):
        assert "…" not in text
        assert max(len(line) for line in text.splitlines() if not line.startswith("written")) <= 80
    main([*files, "--gpus", "8", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    for name in {**found["puffer"], **found["native"]}:
        assert re.search(rf"^{name} ", out, re.M)


def test_pipeline_walks_every_stage(published: Published, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--puffer", published.metta_2025_09, "--native", published.trainer_2025_08, "--native-agents", "3"]
    main(["pipeline", *arguments, "--workers", "16"])
    text = capsys.readouterr().out
    stages = "configuration worlds rollout buffer advantage minibatches losses update checkpoint"
    assert " ".join(re.findall(r"^\d\. (\w+)", text, re.M)) == stages
    assert "env-steps by group: 128/127" in text


def test_html_is_one_offline_page_with_the_row_map(published: Published, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--puffer", published.metta_2025_09, "--native", published.trainer_2025_08, "--native-agents", "3"]
    main([*arguments, "--workers", "16", "--format", "html"])
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert page.count("engine native") == 2
    assert not re.search(r"(src|href)=['\"]?(https?:)?//", page)
    drawn: dict[str, float] = {}
    for width, fill in re.findall(
        r"width='([\d.]+)' height='7' fill='(#\w+)'", page.split("8,192 rows")[1].split("</svg>")[0]
    ):
        drawn[fill] = drawn.get(fill, 0) + float(width)
    whole = sum(drawn.values())
    assert drawn["#d1495b"] / whole == pytest.approx(4080 / 8192, abs=1e-3)
    assert drawn["#e9c46a"] / whole == pytest.approx(4048 / 8192, abs=1e-3)


def test_advice_is_checked_against_its_own_prediction(published: Published, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--puffer", published.metta_2025_09, "--native", published.trainer_2025_08, "--native-agents", "3",
                 "--workers", "16", "--cores", "64"]  # fmt: skip
    main(["advise", *arguments, "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    rows = next(advice for advice in found if advice["topic"] == "whole rows")
    assert rows["verdict"] == "do"
    overrides = [f"{key}={value}" for key, value in rows["changes"].items()]
    main([*arguments, *overrides, "--format", "json"])
    after = json.loads(capsys.readouterr().out)["native"]
    for name, _, predicted in rows["effects"]:
        assert after[name] == pytest.approx(predicted)
    third_group = next(advice for advice in found if advice["changes"] == {"trainer.async_factor": 3})
    assert third_group["verdict"] == "do not"
    assert "fewer than the 12240 agents" in third_group["why"]


def test_hydra_defaults_are_composed_under_a_root(tmp_path: Path) -> None:
    (tmp_path / "game" / "objects").mkdir(parents=True)
    (tmp_path / "base.yaml").write_text(
        "defaults:\n  - game/objects: [mine, altar]\n  - _self_\ngame:\n  num_agents: ???\n"
    )
    (tmp_path / "game" / "objects" / "mine.yaml").write_text("mine:\n  cooldown: 5\n")
    (tmp_path / "game" / "objects" / "altar.yaml").write_text("altar:\n  cooldown: 9\n")
    (tmp_path / "arena.yaml").write_text(
        "defaults:\n  - /env/mettagrid/base@\n  - _self_\ngame:\n  num_agents: 24\n  rooms: ${div:${.num_agents},6}\n"
    )
    from metta_puffer.config.hydra import read_composed

    composed = read_composed(tmp_path / "arena.yaml", tmp_path)
    values = {key: entry.value for key, entry in composed.raw.items()}
    assert values["game.num_agents"] == 24
    assert values["game.objects.altar.cooldown"] == 9
    assert not composed.unresolved
    assert len(read_composed(tmp_path / "arena.yaml").unresolved) == 1
    loaded = load_native(OURS["native"], env_file=tmp_path / "arena.yaml", config_root=tmp_path)
    assert loaded.model.env.num_agents == 24
    assert str(loaded.source("env.num_agents")).endswith("arena.yaml:5")


def test_a_rate_that_follows_a_metric_is_said_to_be_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    native = tmp_path / "metric.yaml"
    native.write_text(
        "trainer:\n  total_timesteps: 20_000_000\n  schedules:\n"
        "    - {key: optimizer.learning_rate, kind: metric, start: 0.001, end: 0.0001, metric: score}\n"
    )
    files = ["--puffer", str(CONFIGS / "puffer" / "metta.ini"), "--native", str(native), "--cores", "64"]
    for words in (["pipeline", *files], ["advise", *files], [*files, "--format", "html"], ["diff", *files[1:4:2]]):
        assert main(words) in (0, 1)
        assert capsys.readouterr().out
    main([*files, "--format", "json"])
    assert json.loads(capsys.readouterr().out)["native"]["learning_rate_last"] is None
    main([*files, "--explain", "learning_rate_last"])
    assert "follows score from 0.001 to 0.0001" in capsys.readouterr().out

"""Each finding appears when it should, stays away when it should not, and is explained."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from metta_puffer.cli.audit import main
from metta_puffer.config.findings import find
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.pair import Pair
from metta_puffer.config.reconcile import reconcile
from metta_puffer.config.sides import native_side, puffer_side
from tests.config.conftest import CONFIGS, Published

ROOT = CONFIGS.parent
CLUSTER = Machine(physical_cores=64, logical_cpus=128, gpus=1)
CLEAN_PUFFER = {"vec.num_envs": 16, "vec.num_workers": 16, "vec.batch_size": 16, "vec.backend": "Multiprocessing"}


def ids(
    puffer: dict[str, Any] | None = None,
    native: dict[str, Any] | None = None,
    *,
    machine: Machine = CLUSTER,
    semantics: Any = None,
    version: Any = "3.0.23",
    loop: Any = None,
) -> dict[str, Any]:
    found = find(
        puffer_side(load_puffer(CONFIGS / "puffer" / "metta.ini", puffer or {}), machine, version=version, loop=loop),
        native_side(load_native(CONFIGS / "native" / "metta.yaml", native or {}), machine, semantics=semantics),
    )
    return {finding.id: finding for finding in found}


# id: puffer overrides that bring it, native overrides that bring it, other arguments
APPEARS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("agent-count-mismatch", {"env.num_agents": 64}, {"env.num_agents": 3}, {}),
    ("budgets-differ", {"train.total_timesteps": 300_000_000}, {"trainer.total_timesteps": 400_000_000}, {}),
    ("epochs-incomparable", {}, {}, {}),
    ("updates-per-data-differ", {"train.minibatch_size": 4096}, {}, {}),
    ("priority-one-sided", {"train.prio_alpha": 0.5}, {}, {}),
    ("rules-differ", {}, {}, {}),
    ("segments-fewer-than-agents", {"train.batch_size": 65536}, {}, {}),
    ("rows-not-multiple", {}, {"env.num_agents": 3, "trainer.num_workers": 16}, {"semantics": "2025-07"}),
    ("rows-not-multiple", {"train.batch_size": 270_336}, {}, {}),
    ("batch-remainder", {"train.batch_size": 262_145}, {}, {}),
    ("minibatch-over-batch", {}, {"trainer.minibatch_size": 1_048_576}, {}),
    ("minibatch-no-rows", {"train.minibatch_size": 100}, {}, {}),
    ("minibatch-one-step", {"train.minibatch_size": 1, "train.bptt_horizon": 1}, {}, {}),
    ("minibatch-one-step", {}, {"trainer.minibatch_size": 1, "trainer.bptt_horizon": 1,
                                "trainer.batch_size": 8192}, {}),
    ("minibatch-uneven", {"train.minibatch_size": 20_480}, {}, {}),
    ("minibatch-uneven", {}, {"trainer.minibatch_size": 20_480}, {"semantics": "2026-01"}),
    ("accumulation-uneven", {"train.minibatch_size": 40_960}, {}, {}),
    ("accumulation-remainder", {"train.minibatch_size": 98_304}, {}, {}),
    ("both-auto", {"train.bptt_horizon": "auto"}, {}, {}),
    ("budget-below-batch", {"train.total_timesteps": 1000}, {}, {}),
    ("backend-one-env", {"vec.backend": "PufferEnv"}, {}, {}),
    ("workers-uneven", {"vec.num_workers": 5}, {}, {}),
    ("forward-uneven", {"vec.num_workers": 2, "vec.batch_size": 30}, {}, {}),
    ("forward-too-large", {"vec.batch_size": 128}, {}, {}),
    ("zero-copy-uneven", {"vec.batch_size": 48}, {}, {}),
    ("groups-mixed", {"vec.batch_size": 48, "vec.zero_copy": False}, {}, {}),
    ("sizes-per-rank", {}, {}, {"machine": Machine(64, 128, 8, ranks=8)}),
    ("budget-per-rank", {}, {}, {"machine": Machine(64, 128, 8, ranks=8), "loop": "stock"}),
    ("final-rollouts", {}, {}, {"loop": "stock"}),
    ("workers-over-cores", {"vec.num_workers": 64}, {}, {"machine": Machine(2, 2)}),
    ("no-gpu", {"train.device": "cuda"}, {}, {"machine": Machine(64, 64)}),
    ("option-refused", {"env.max_step": 5}, {}, {}),
    ("option-refused", {}, {"policy.hidden_size": 0}, {}),
    ("recv-arity", {}, {}, {"version": "3.0.0"}),
    ("rows-drawn-again", {}, {}, {}),
    ("carried-state", {"train.batch_size": 524_288}, {}, {}),
    ("serial-drops-worlds", {"vec.backend": "Serial"}, {}, {}),
    ("serial-drops-worlds", {}, {"trainer.num_workers": 1}, {"semantics": "2025-07"}),
    ("env-seeds-repeat", {"vec.num_workers": 16}, {}, {"loop": "stock"}),
    ("env-seeds-repeat", {}, {"trainer.num_workers": 16}, {"semantics": "2025-07"}),
    ("reward-clamped", {"env.heart_reward": 2.5}, {}, {}),
    ("truncation-leak", {"env.episode_truncates": True}, {}, {}),
    ("truncation-leak", {}, {"env.episode_truncates": True, "trainer.truncation": "ignore"}, {}),
    ("agent-step-units", {}, {}, {}),
    ("horizon-short", {"train.bptt_horizon": 4, "train.gae_lambda": 1.0}, {}, {}),
    ("one-minibatch", {"train.minibatch_size": 262_144, "train.max_minibatch_size": 262_144}, {}, {}),
    ("async-groups", {}, {}, {}),
    ("forward-target-missed", {}, {"trainer.num_workers": 64, "trainer.forward_pass_minibatch_target_size": 64},
     {"semantics": "2025-07"}),
    ("auto-workers-count-threads", {}, {"trainer.num_workers": 40}, {"semantics": "2025-07",
                                                                    "machine": Machine(32, 64)}),
    ("last-round-idle", {}, {}, {}),
    ("checkpoint-after-the-end", {"train.total_timesteps": 1_000_000}, {}, {}),
]  # fmt: skip


@pytest.mark.parametrize("case", APPEARS, ids=lambda case: case[0])
def test_finding_appears(case: tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]) -> None:
    name, puffer, native, others = case
    finding = ids(puffer, native, **others)[name]
    assert finding.message and finding.evidence and finding.fix
    wordy = ("rules-differ", "truncation-leak", "no-gpu")
    assert any(character.isdigit() for character in finding.evidence) or name in wordy


def test_published_files_bring_their_findings(published: Published) -> None:
    found = {
        f.id: f
        for f in find(
            puffer_side(load_puffer(published.metta_2025_09), CLUSTER),
            native_side(load_native(published.trainer_2025_08), CLUSTER, agents=3, workers=16),
        )
    }
    assert "516,112 overwritten" in found["rows-not-multiple"].evidence
    assert "batch_size=522240" in found["rows-not-multiple"].fix
    assert "19 distinct" in found["env-seeds-repeat"].evidence or "185 distinct" in found["env-seeds-repeat"].evidence
    assert "target_kl" in found["unread-key"].message
    assert "scheduler-never-called" in found
    assert "agents-unstated" in found
    assert "8,388,608" in found["final-rollouts"].evidence


def test_a_dead_key_in_a_file_of_ours_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.ini"
    path.write_text("[base]\nenv_name = mine\n[train]\nlearning_rte = 1\n")
    side = puffer_side(load_puffer(path), CLUSTER)
    found = [f for f in find(side, native_side(load_native(CONFIGS / "native" / "metta.yaml"), CLUSTER))]
    typo = next(f for f in found if f.id == "unread-key")
    assert typo.severity == "error"
    assert "learning_rate" in typo.evidence


def test_upstream_keys_and_defaults_are_named(tmp_path: Path, published: Published) -> None:
    path = tmp_path / "trainer.yaml"
    path.write_text("defaults:\n  - base\n  - _self_\n" + Path(published.trainer_2025_08).read_text())
    side = native_side(load_native(path), CLUSTER, semantics="ours")
    found = {f.id for f in find(puffer_side(load_puffer(published.metta_2025_08), CLUSTER), side)}
    assert {"upstream-only-keys", "defaults-unresolved"} <= found


QUIET_PUFFER = {
    "base.rnn_name": "None", "vec.backend": "PufferEnv", "vec.num_envs": 1, "vec.num_workers": 1, "vec.batch_size": 1,
    "env.num_agents": 1, "env.num_worlds": 64, "train.bptt_horizon": 64, "train.minibatch_size": 2048,
    "train.update_epochs": 16, "train.prio_alpha": 0.0, "train.anneal_lr": False, "train.gamma": 0.9,
    "train.gae_lambda": 0.9, "train.total_timesteps": 4_096_000,
}  # fmt: skip


def test_a_quiet_pair_has_no_finding_at_all() -> None:
    """So every finding stays away where it has no cause: one agent a world, one group, equal rules."""
    pair = Pair(
        {"puffer": str(CONFIGS / "puffer" / "metta.ini"), "native": str(CONFIGS / "native" / "metta.yaml")},
        CLUSTER,
        {"puffer": dict(QUIET_PUFFER), "native": {}},
    )
    reconcile(pair, "everything", "puffer")
    assert find(pair.puffer, pair.native) == ()


@pytest.mark.parametrize("command", ["audit", "html", "pipeline", "advise", "explain"])
@pytest.mark.parametrize("key", ["train.batch_size=10", "trainer.batch_size=10"])
def test_a_buffer_without_a_row_is_named(command: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--puffer", str(CONFIGS / "puffer" / "metta.ini"), "--native", str(CONFIGS / "native" / "metta.yaml"), key]
    words = {"html": [*words, "--format", "html"], "explain": [*words, "--explain", "agent_steps_collected_per_epoch"],
             "audit": words}.get(command, [command, *words])  # fmt: skip
    status = main(words)
    out = capsys.readouterr().out
    assert out
    if command in ("audit", "html"):
        assert status == 1
        assert "segments-fewer-than-agents" in out and "0 segments" in out


def test_a_clean_pair_has_no_error_and_no_row_finding() -> None:
    found = ids(CLEAN_PUFFER, {})
    assert not [f for f in found.values() if f.severity == "error"]
    assert not {"rows-not-multiple", "env-seeds-repeat", "carried-state", "serial-drops-worlds"} & set(found)


def declared_ids() -> set[str]:
    """Every id that the code can emit, from its source."""
    found = set()
    sources = (ROOT / "metta_puffer" / "config").glob("*_*.py")
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in ("Finding", "problem"):
                    found.add(node.args[0].value)
    return found


def test_every_finding_is_explained_and_tested() -> None:
    explained = set(re.findall(r"^### (\S+)$", (ROOT / "docs" / "findings.md").read_text(), re.M))
    assert declared_ids() == explained
    elsewhere = {
        "unread-key",
        "scheduler-never-called",
        "agents-unstated",
        "upstream-only-keys",
        "defaults-unresolved",
    }
    assert {case[0] for case in APPEARS} | elsewhere == explained

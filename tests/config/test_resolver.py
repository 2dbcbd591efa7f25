"""Plans from files, and one clear message for every mistake."""

from pathlib import Path
from typing import Any

import pytest

from metta_puffer.config.machine import Machine
from metta_puffer.config.resolver import load_native, load_puffer, resolve_native, resolve_puffer
from metta_puffer.errors import UserError
from tests.config.conftest import CONFIGS, Published

PUFFER = str(CONFIGS / "puffer" / "metta.ini")
NATIVE = str(CONFIGS / "native" / "metta.yaml")


@pytest.mark.parametrize("path", sorted((CONFIGS / "puffer").glob("*.ini")), ids=lambda path: path.name)
def test_every_shipped_ini_runs_on_any_machine(path: Path, laptop: Machine, cluster: Machine) -> None:
    for machine in (laptop, cluster):
        plan = resolve_puffer(path, run_dir="runs/x", machine=machine)
        assert plan.batch.segments % plan.env.total_agents == 0
        assert plan.env.workers <= machine.physical_cores


@pytest.mark.parametrize("path", sorted((CONFIGS / "native").glob("*.yaml")), ids=lambda path: path.name)
@pytest.mark.parametrize("agents", [1, 3, 24, 64])
def test_every_shipped_yaml_gives_whole_rows(path: Path, agents: int, laptop: Machine, cluster: Machine) -> None:
    for machine in (laptop, cluster):
        plan = resolve_native(path, {"env.num_agents": agents}, run_dir="runs/x", machine=machine)
        assert plan.batch.segments % plan.env.total_agents == 0
        assert plan.batch.segments % plan.batch.minibatch_segments == 0
        assert plan.batch.agent_steps_collected_per_epoch == plan.batch.batch_size


def test_exact_rows_say_what_they_changed(cluster: Machine) -> None:
    overrides = {"env.num_agents": 3, "trainer.num_workers": "16"}
    plan = resolve_native(NATIVE, overrides, run_dir="runs/x", machine=cluster)
    assert (plan.batch.segments, plan.batch.minibatch_segments, plan.batch.num_minibatches) == (8160, 255, 32)
    assert any("batch_size 522,240 instead of 524,288" in note for note in plan.notes)


def test_upstream_rows_keep_the_raw_sizes(cluster: Machine) -> None:
    overrides = {"env.num_agents": 3, "trainer.num_workers": 16, "trainer.row_policy": "upstream"}
    plan = resolve_native(NATIVE, overrides, run_dir="runs/x", machine=cluster)
    assert (plan.batch.batch_size, plan.batch.agent_steps_collected_per_epoch) == (524_288, 1_040_400)


def test_overrides_win_and_are_remembered(cluster: Machine) -> None:
    loaded = load_puffer(PUFFER, {"train.learning-rate": "1e-3", "policy_name": "small"})
    assert (loaded.model.train.learning_rate, loaded.model.base.policy_name) == (0.001, "small")
    assert str(loaded.source("train.learning_rate")) == "command line"
    lines = Path(PUFFER).read_text().splitlines()
    source = loaded.source("train.bptt_horizon")
    assert source.file == PUFFER and source.line is not None
    assert lines[source.line - 1].startswith("bptt_horizon")
    assert "default.ini" in str(loaded.source("train.cpu_offload"))
    plan = resolve_native(NATIVE, {"trainer.optimizer.learning_rate": "3e-4"}, run_dir="runs/x", machine=cluster)
    assert plan.optimizer.learning_rate == 0.0003


def test_policy_alias_and_recurrence(published: Published, cluster: Machine) -> None:
    plan = resolve_puffer(published.metta_2025_08, run_dir="runs/x", machine=cluster)
    assert (plan.policy.name, plan.policy.recurrent) == ("fast", True)
    plan = resolve_puffer(PUFFER, {"base.rnn_name": "None"}, run_dir="runs/x", machine=cluster)
    assert not plan.policy.recurrent


def test_published_trainer_file_is_a_plan_and_names_what_nothing_reads(published: Published, cluster: Machine) -> None:
    plan = resolve_native(published.trainer_2025_08, {"env.num_agents": 24}, run_dir="runs/x", machine=cluster)
    assert plan.loss.gamma == 0.977
    assert plan.optimizer.eps == 1e-12
    assert any("hyperparameter_scheduler" in note for note in plan.notes)


def test_settings_describe_every_key() -> None:
    for loaded in (load_puffer(PUFFER), load_native(NATIVE)):
        settings = list(loaded.settings())
        assert len({s.key for s in settings}) == len(settings) > 20
        assert all(s.help and s.kind for s in settings)


# overrides, and words that the message must hold
WRONG_PUFFER: list[tuple[dict[str, Any], list[str]]] = [
    ({"train.learning_rat": 1}, ["train.learning_rat", "Did you mean 'train.learning_rate'"]),
    ({"train.gamma": "high"}, ["train.gamma = 'high'", "a number from 0 to 1"]),
    ({"train.gamma": "True"}, ["train.gamma", "a number from 0 to 1"]),
    ({"train.update_epochs": 0}, ["train.update_epochs = 0", "at least 1"]),
    ({"train.total_timesteps": 2**63}, ["train.total_timesteps"]),
    ({"train.learning_rate": "nan"}, ["train.learning_rate"]),
    ({"train.learning_rate": float("nan")}, ["train.learning_rate"]),
    ({"train.optimizer": "adamw"}, ["adam or muon"]),
    ({"train.minibatch_size": 300_000, "train.max_minibatch_size": 300_000}, ["larger than the batch", "262144"]),
    ({"train.minibatch_size": 100}, ["no whole rows", "set 128"]),
    ({"train.batch_size": 64}, ["fewer than the 4096 agents", "Total agents 4096 <= segments 1"]),
    ({"train.batch_size": 270_336}, ["no multiple of 4096 agents", "262144"]),
    ({"vec.num_workers": 128}, ["cannot be shared equally"]),
    ({"vec.num_workers": 64, "vec.num_envs": 64}, ["64 workers on 2 physical cores", "vec.overwork"]),
    ({"vec.num_workers": 2, "vec.batch_size": 30}, ["no multiple of the 32 of one worker", "set 32"]),
    ({"train.total_timesteps": 1000}, ["below one batch"]),
    ({"train.device": "cuda"}, ["no GPU"]),
    ({"train.batch_size": "auto", "train.bptt_horizon": "auto"}, ["both batch_size and bptt_horizon"]),
]
WRONG_NATIVE: list[tuple[dict[str, Any], list[str]]] = [
    ({"trainer.batchsize": 1}, ["Did you mean 'trainer.batch_size'"]),
    ({"trainer.optimizer.learning_rate": "fast"}, ["trainer.optimizer.learning_rate = 'fast'", "a number above 0"]),
    ({"trainer.minibatch_size": 1_048_576}, ["larger than the batch"]),
    ({"trainer.minibatch_size": 100}, ["no whole rows", "set 128"]),
    ({"trainer.batch_size": 16_384}, ["fewer than", "at least"]),
    ({"trainer.num_workers": 16}, ["16 workers on 2 physical cores"]),
    ({"trainer.row_policy": "upstream", "trainer.minibatch_size": 24_576}, ["does not divide"]),
    ({"trainer.ppo.gamma": 1.5}, ["trainer.ppo.gamma"]),
    ({"device": "cuda"}, ["no GPU"]),
]


@pytest.mark.parametrize("overrides, words", WRONG_PUFFER, ids=str)
def test_wrong_puffer_settings(overrides: dict[str, Any], words: list[str], laptop: Machine) -> None:
    with pytest.raises(UserError) as caught:
        resolve_puffer(PUFFER, overrides, run_dir="runs/x", machine=laptop)
    for word in [*words, "Remedy:"]:
        assert word in str(caught.value)


@pytest.mark.parametrize("overrides, words", WRONG_NATIVE, ids=str)
def test_wrong_native_settings(overrides: dict[str, Any], words: list[str], laptop: Machine) -> None:
    with pytest.raises(UserError) as caught:
        resolve_native(NATIVE, overrides, run_dir="runs/x", machine=laptop)
    for word in [*words, "Remedy:"]:
        assert word in str(caught.value)


def test_all_mistakes_are_named_at_once(laptop: Machine) -> None:
    overrides = {"trainer.batchsize": 3, "trainer.ppo.gamma": 2, "trainer.update_epochs": "x"}
    with pytest.raises(UserError) as caught:
        resolve_native(NATIVE, overrides, run_dir="runs/x", machine=laptop)
    assert all(key in str(caught.value) for key in overrides)


def test_a_typo_in_a_file_is_named_with_its_line(tmp_path: Path, laptop: Machine) -> None:
    ini = tmp_path / "mine.ini"
    ini.write_text("[base]\nenv_name = mine\n\n[train]\nlearning_rte = 0.1\n")
    with pytest.raises(UserError, match=r"mine\.ini:5: train\.learning_rte = 0\.1: no such key.*learning_rate"):
        resolve_puffer(ini, run_dir="runs/x", machine=laptop)
    yaml = tmp_path / "mine.yaml"
    yaml.write_text("trainer:\n  ppo:\n    gama: 0.9\n")
    with pytest.raises(UserError, match=r"mine\.yaml:3: trainer\.ppo\.gama = 0\.9: no such key.*ppo\.gamma"):
        resolve_native(yaml, run_dir="runs/x", machine=laptop)


def test_missing_file_suggests_its_neighbour() -> None:
    with pytest.raises(UserError, match=r"no such file[\s\S]*Did you mean 'metta\.ini'"):
        load_puffer(CONFIGS / "puffer" / "meta.ini")


def test_another_game_drops_the_options_of_the_first(cluster: Machine) -> None:
    plan = resolve_native(NATIVE, {"env.game": "navigation"}, run_dir="runs/x", machine=cluster)
    assert plan.env.game_options == {}
    plan = resolve_puffer(PUFFER, {"env.game": "navigation", "env.size": 9}, run_dir="runs/x", machine=cluster)
    assert plan.env.game_options == {"size": 9}
    plan = resolve_puffer(PUFFER, {"env.game": "arena"}, run_dir="runs/x", machine=cluster)
    assert "variant" in plan.env.game_options


def test_a_sweep_names_keys_that_exist(tmp_path: Path) -> None:
    ini = tmp_path / "mine.ini"
    ini.write_text("[base]\nenv_name = mine\n[sweep.train.learning_rte]\ndistribution = log_normal\n")
    with pytest.raises(UserError, match=r"mine\.ini:4: .*does not exist\. Did you mean 'train\.learning_rate'"):
        load_puffer(ini, default=CONFIGS / "puffer" / "default.ini")
    ini.write_text("[base]\nenv_name = mine\n[sweep.train.gamma]\nmaximum = 1\n")
    with pytest.raises(UserError, match=r"mine\.ini:4: .*no entry of a swept key"):
        load_puffer(ini, default=CONFIGS / "puffer" / "default.ini")
    ini.write_text("[base]\nenv_name = mine\n[sweep.env.ore_reward]\ndistribution = uniform\nmin = 0.0\n")
    assert load_puffer(ini, default=CONFIGS / "puffer" / "default.ini").model.sweep.options["env"]["ore_reward"]

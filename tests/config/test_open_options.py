"""The options that the audit knows are those of the policies, the games and the environment themselves."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from metta_puffer import MettaPufferEnv
from metta_puffer.config.findings_options import refused_options
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.open_options import ENVIRONMENT, GAMES, POLICIES
from metta_puffer.config.plan import PolicyPlan
from metta_puffer.config.resolver import resolve_native, resolve_puffer
from metta_puffer.config.sides import native_side, puffer_side
from metta_puffer.errors import UserError
from metta_puffer.games import game_options, list_games
from metta_puffer.policies import POLICIES as BUILT
from metta_puffer.policies import build_policy
from metta_puffer.policies.registry import policy_options
from tests.config.conftest import CONFIGS, Published

MACHINE = Machine(physical_cores=2, logical_cpus=2, gpus=0)
NATIVE = CONFIGS / "native" / "arena-small.yaml"
PUFFER = CONFIGS / "puffer" / "arena-small.ini"


def test_every_option_and_default_is_known() -> None:
    assert {name: policy_options(name) for name in BUILT} == POLICIES
    assert {name: game_options(name) for name in list_games()} == GAMES
    parameters = inspect.signature(MettaPufferEnv).parameters.values()
    sizes = ("game", "num_agents", "num_worlds", "engine", "buf")  # keys of their own, and PufferLib's buffers
    options = {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD and p.name not in sizes}
    assert options == ENVIRONMENT


@pytest.mark.parametrize(
    ("key", "value"),
    [("policy.hiden_size", 3), ("policy.hidden_size", -3), ("policy.hidden_size", "wide"), ("policy.name", "smal")],
)
def test_what_a_policy_refuses_is_found_with_its_words(key: str, value: Any) -> None:
    loaded = load_native(NATIVE, {key: value})
    (finding,) = refused_options(native_side(loaded, MACHINE))
    env = MettaPufferEnv("arena", 2)
    chosen = loaded.model.policy
    with pytest.raises(UserError) as raised:
        build_policy(PolicyPlan(name=chosen.name, options=chosen.options), env)
    assert finding.severity == "error"
    assert f"{key} = {value} in command line: " in finding.evidence
    assert finding.evidence.endswith(str(raised.value.message))


def test_options_of_the_world_are_found_with_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.ini"
    path.write_text(PUFFER.read_text().replace("num_worlds", "max_step = 9\nnum_worlds"))
    (finding,) = refused_options(puffer_side(load_puffer(path), MACHINE))
    line = path.read_text().splitlines().index("max_step = 9") + 1
    assert f"env.max_step = 9 in {path}:{line}: " in finding.evidence
    assert "'max_steps'" in finding.evidence
    with pytest.raises(UserError, match="max_steps"):
        MettaPufferEnv("arena", 2, max_step=9)
    (finding,) = refused_options(puffer_side(load_puffer(PUFFER, {"env.game": "areena"}), MACHINE))
    assert "Did you mean 'arena'?" in finding.evidence


@pytest.mark.parametrize("option", ["seed", "num_threads", "num_groups", "first_world"])
def test_what_the_trainer_gives_itself_is_refused_before_any_work(option: str) -> None:
    key = f"env.{option}"
    (finding,) = refused_options(native_side(load_native(NATIVE, {key: 1}), MACHINE))
    assert f"{key} = 1 in command line" in finding.evidence
    with pytest.raises(UserError, match=rf"{key} = 1: the trainer gives this itself"):
        resolve_native(NATIVE, {key: 1}, run_dir="runs/x", machine=MACHINE)
    if option == "seed":
        with pytest.raises(UserError, match=r"set train\.seed"):
            resolve_puffer(PUFFER, {key: 1}, run_dir="runs/x", machine=MACHINE)


def test_published_files_pass_their_sections_on_to_other_code(published: Published) -> None:
    overrides = {"env.anything": 1, "policy.anything": 1}
    assert not list(refused_options(puffer_side(load_puffer(published.metta_2025_08, overrides), MACHINE)))
    assert not list(refused_options(native_side(load_native(published.trainer_2025_08, {"env.any": 1}), MACHINE)))

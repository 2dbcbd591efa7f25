"""Predictions against the real PuffeRL, run for a rollout and an update in a tiny world.

Hypothesis draws shapes; construction, rollout and update of PuffeRL judge the prediction: the sizes it derives, the
agent-steps it collects, the optimizer steps it takes, and the type and text of its error.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from metta_puffer.config import arithmetic as a
from metta_puffer.config.loading import load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.sides import Side, puffer_side
from tests.config.conftest import CONFIGS

# PuffeRL on a batch of one agent-step has no variance, and its autocast knows no float32 on a CPU.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
EXAMPLES = int(os.environ.get("AUDIT_EXAMPLES", "5000"))  # of each long test
MACHINE = Machine(physical_cores=64, logical_cpus=64, gpus=0)


class GroupsInTurn:
    """The vectorized environment PuffeRL expects; groups are served in turn, as Multiprocessing serves them."""

    def __init__(self, agents_per_forward: int, groups: int) -> None:
        self.single_observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
        self.single_action_space = gymnasium.spaces.Discrete(2)
        self.action_space = gymnasium.spaces.MultiDiscrete([2] * agents_per_forward)
        self.agents_per_batch, self.groups = agents_per_forward, groups
        self.num_agents = agents_per_forward * groups
        self.driver_env = SimpleNamespace()
        self.group, self.recvs = 0, 0

    def async_reset(self, seed: int) -> None:
        del seed

    def recv(self) -> tuple[Any, ...]:
        n = self.agents_per_batch
        self.recvs += 1
        flags, ids = np.zeros(n, bool), np.arange(n) + self.group * n
        self.group = (self.group + 1) % self.groups
        numbers = np.random.default_rng(self.recvs).random(n).astype(np.float32)
        return numbers[:, None], numbers, flags, flags, np.zeros(n, np.int32), [], ids, ~flags

    def send(self, actions: Any) -> None:
        pass

    def close(self) -> None:
        pass


class TinyPolicy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.actor, self.critic = nn.Linear(1, 2), nn.Linear(1, 1)

    def forward(self, observations: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.actor(observations), self.critic(observations)

    forward_eval = forward


@pytest.fixture(scope="module")
def trainer_module() -> Iterator[ModuleType]:
    """PuffeRL without its dashboard and its monitor thread, which are not part of what is predicted."""
    from metta_puffer.puffer.contained import pufferl

    module = pufferl()
    patch = pytest.MonkeyPatch()
    patch.setattr(module.PuffeRL, "print_dashboard", lambda *args, **kwargs: None)
    patch.setattr(module, "Utilization", lambda: SimpleNamespace(stop=lambda: None))
    patch.setattr(module.PuffeRL, "mean_and_log", lambda self: {})
    patch.setattr(module.PuffeRL, "save_checkpoint", lambda self: None)
    torch.set_num_threads(1)
    yield module
    patch.undo()


def predict(tmp_path: Path, agents: int, worlds: int, groups: int, train: dict[str, Any]) -> Side:
    """The side of a config in which `groups` groups of `worlds` worlds take turns."""
    overrides = {f"train.{key}": value for key, value in train.items()}
    overrides |= {
        "vec.num_envs": groups * worlds,
        "vec.batch_size": worlds,
        "vec.num_workers": groups,
        "env.num_agents": agents,
        "train.device": "cpu",
        "base.rnn_name": "None",
    }
    return puffer_side(load_puffer(CONFIGS / "puffer" / "default.ini", overrides), MACHINE)


def trainer_config(side: Side) -> dict[str, Any]:
    return {**side.loaded.model.train.model_dump(), "env": "tiny", "use_rnn": False}


def check(module: ModuleType, side: Side) -> str:
    """Runs PuffeRL and compares; returns how it went, so that a test can see which cases were drawn."""
    sizes = side.sizes
    vecenv = GroupsInTurn(sizes.agents_per_forward, sizes.groups)
    quotes = [p.quotes for p in sizes.problems if p.quotes]
    rounds = 2
    try:
        trainer = module.PuffeRL(trainer_config(side), vecenv, TinyPolicy())
    except Exception as error:  # whatever it raises is judged
        assert any(quote in str(error) for quote in quotes), (str(error), quotes)
        return "refused"
    updates = 0
    original = trainer.optimizer.step

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal updates
        updates += 1
        return original(*args, **kwargs)

    trainer.optimizer.step = counted
    assert trainer.segments == side.value("segments")
    assert trainer.minibatch_segments == side.value("minibatch_segments")
    assert trainer.total_minibatches == side.value("num_minibatches")
    assert trainer.accumulate_minibatches == sizes.accumulate
    names = (
        "observations",
        "actions",
        "values",
        "logprobs",
        "rewards",
        "terminals",
        "truncations",
        "ratio",
        "importance",
    )
    held = {name: getattr(trainer, name).nbytes for name in names}
    # The tiny world's observation is one float32; what the audit counts beside observations must be exact.
    beside = side.value("experience_bytes") - side.value("observation_buffer_bytes")
    assert sum(held.values()) - held["observations"] == beside
    try:
        for _ in range(rounds):
            trainer.evaluate()
            trainer.train()
    except RuntimeError as error:
        found = re.search(r"expanded size of the tensor \((\d+)\) must match the existing size \((\d+)\)", str(error))
        assert found is not None, error
        expected = f"The expanded size of the tensor ({found[1]}) must match the existing size ({found[2]})"
        assert expected in quotes
        return "overflowed"
    except ZeroDivisionError:
        assert any("ZeroDivisionError" in quote for quote in quotes)
        return "budget"
    if any(p.finding == "minibatch-one-step" for p in sizes.problems):
        assert any(weights.isnan().any() for weights in trainer.policy.parameters())
        return "not a number"
    unpredicted = [p for p in sizes.problems if p.finding != "rows-not-multiple"]
    assert not unpredicted, unpredicted
    assert trainer.global_step == rounds * side.value("agent_steps_collected_per_epoch")
    assert updates == rounds * side.value("gradient_updates_per_epoch")
    assert trainer.total_epochs == sizes.total_timesteps // sizes.batch_size
    if sizes.problems:
        assert sizes.agents_per_forward == 1, "agent-steps are dropped only with one agent a group"
        return "dropped"
    if side.value("learning_rate_first") and side.loaded.model.train.anneal_lr:
        expected = a.cosine_learning_rate(side.value("learning_rate_first"), rounds, trainer.total_epochs)
        if rounds <= trainer.total_epochs:
            assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(expected, abs=1e-12)
    return "ran"


small = st.integers(1, 4)
shapes = st.fixed_dictionaries(
    {
        "agents": small,
        "worlds": st.integers(1, 2),
        "groups": st.integers(1, 3),
        "horizon": st.integers(1, 5),
        "rows": st.one_of(st.none(), st.integers(1, 30)),
        "remainder": st.integers(0, 2),
        "minibatch": st.integers(1, 40),
        "most": st.integers(1, 40),
        "epochs": st.integers(1, 3),
        "budget": st.integers(1, 400),
    }
)


def run_shape(module: ModuleType, tmp_path: Path, shape: dict[str, Any]) -> str:
    horizon, rows = shape["horizon"], shape["rows"]
    train = {
        "bptt_horizon": horizon,
        "batch_size": "auto" if rows is None else rows * horizon + shape["remainder"],
        "minibatch_size": shape["minibatch"],
        "max_minibatch_size": shape["most"],
        "update_epochs": shape["epochs"],
        "total_timesteps": shape["budget"],
    }
    side = predict(tmp_path, shape["agents"], shape["worlds"], shape["groups"], train)
    return check(module, side)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=shapes)
def test_any_shape(trainer_module: ModuleType, tmp_path: Path, shape: dict[str, Any]) -> None:
    run_shape(trainer_module, tmp_path, shape)


# Shapes that PuffeRL accepts are rare among the drawn ones, so they are drawn by construction as well.
valid = st.fixed_dictionaries(
    {
        "agents": small,
        "worlds": st.integers(1, 2),
        "groups": st.integers(1, 3),
        "horizon": st.integers(1, 5),
        "k": st.integers(1, 2),
        "off": st.integers(0, 2),
        "minibatch_rows": st.integers(1, 6),
        "accumulate": st.integers(1, 2),
        "epochs": st.integers(1, 2),
    }
)


def run_valid(module: ModuleType, tmp_path: Path, drawn: dict[str, Any]) -> str:
    total = drawn["agents"] * drawn["worlds"] * drawn["groups"]
    rows = total * drawn["k"] + drawn["off"]
    minibatch_rows = min(drawn["minibatch_rows"], rows // drawn["accumulate"]) or 1
    most = minibatch_rows * drawn["horizon"]
    shape = drawn | {
        "rows": rows,
        "remainder": 0,
        "most": most,
        "minibatch": most * drawn["accumulate"],
        "budget": 1000,
    }
    return run_shape(module, tmp_path, shape)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=valid)
def test_nearly_valid_shapes(trainer_module: ModuleType, tmp_path: Path, drawn: dict[str, Any]) -> None:
    run_valid(trainer_module, tmp_path, drawn)


def test_the_draws_reach_every_outcome(trainer_module: ModuleType, tmp_path: Path) -> None:
    base = {"agents": 2, "worlds": 1, "groups": 2, "horizon": 4, "k": 2, "off": 0, "minibatch_rows": 2,
            "accumulate": 1, "epochs": 1}  # fmt: skip
    assert run_valid(trainer_module, tmp_path, base) == "ran"
    assert run_valid(trainer_module, tmp_path, base | {"off": 1}) == "overflowed"
    assert run_valid(trainer_module, tmp_path, base | {"agents": 1, "off": 1}) == "dropped"
    assert run_valid(trainer_module, tmp_path, base | {"accumulate": 2, "epochs": 2}) == "ran"
    shape = base | {"rows": 8, "remainder": 0, "minibatch": 8, "most": 8, "budget": 31}
    assert run_shape(trainer_module, tmp_path, shape) == "budget"
    assert run_shape(trainer_module, tmp_path, shape | {"minibatch": 7}) == "refused"


@pytest.mark.long
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(shape=shapes)
def test_many_shapes(trainer_module: ModuleType, tmp_path: Path, shape: dict[str, Any]) -> None:
    run_shape(trainer_module, tmp_path, shape)


@pytest.mark.long
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=valid)
def test_many_nearly_valid_shapes(trainer_module: ModuleType, tmp_path: Path, drawn: dict[str, Any]) -> None:
    run_valid(trainer_module, tmp_path, drawn)

"""Predictions against our own native trainer, run for two epochs on tiny worlds."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metta_puffer.config.machine import Machine
from metta_puffer.config.plan import EnvPlan, RunPlan
from metta_puffer.config.resolver import load_native, resolve_native
from metta_puffer.config.sides import native_side
from metta_puffer.errors import UserError
from metta_puffer.native.trainer import NativeTrainer
from metta_puffer.tracking.schema import MetricRecord
from tests.config.conftest import CONFIGS
from tests.native.toys import RecallEnv

EXAMPLES = int(os.environ.get("AUDIT_EXAMPLES", "3000"))  # of each long test
MACHINE = Machine(physical_cores=64, logical_cpus=64, gpus=0)
METTA = CONFIGS / "native" / "metta.yaml"
EPOCHS = 2


def toy_worlds(plan: EnvPlan, worlds: int, seed: int, buf: Any = None) -> RecallEnv:
    return RecallEnv(plan.agents_per_env * worlds, seed, buf=buf, agents_per_world=plan.agents_per_env)


class Records(list[MetricRecord]):
    def log(self, record: MetricRecord) -> None:
        self.append(record)

    def close(self) -> None:
        pass


def overrides_for(shape: dict[str, Any]) -> dict[str, Any]:
    return {
        "env.num_agents": shape["agents"],
        "env.game": "recall",
        "trainer.forward_pass_minibatch_target_size": shape["target"],
        "trainer.async_factor": shape["groups"],
        "trainer.num_workers": 1,
        "trainer.bptt_horizon": shape["horizon"],
        "trainer.batch_size": shape["rows"] * shape["horizon"] + shape["remainder"],
        "trainer.minibatch_size": shape["minibatch_rows"] * shape["horizon"],
        "trainer.update_epochs": shape["epochs"],
        "trainer.row_policy": shape["row_policy"],
        "trainer.sampling": shape["sampling"],
        "trainer.row_end": shape["row_end"],
        "trainer.optimizer.learning_rate_schedule": shape["annealing"],
        "trainer.schedules": shape["schedules"],
        "env.num_tokens": 4,
        "policy.name": "small",
        "policy.recurrent": shape["recurrent"],
        "policy.hidden_size": 4,
        "policy.conv_channels": 1,
    }


def watch(trainer: NativeTrainer) -> list[list[int]]:
    """For every cell of the buffer, the number of the block visit that wrote it last."""
    experience = trainer.experience
    writer = [[-1] * experience.horizon for _ in range(experience.rows)]
    visits = [0]
    current: dict[int, int] = {}
    original = experience.store

    def store(group: int, column: Any, h: Any, c: Any) -> None:
        position = experience._position[group]
        if position == 0:
            visits[0] += 1
            current[group] = visits[0]
        block = experience._block[group]
        rows = range(*block.indices(experience.rows)) if isinstance(block, slice) else block.tolist()
        for row in rows:
            writer[row][position] = current[group]
        original(group, column, h, c)

    experience.store = store  # type: ignore[method-assign]
    return writer


def check(shape: dict[str, Any], folder: Path) -> str:
    overrides = overrides_for(shape)
    side = native_side(load_native(METTA, overrides), MACHINE)
    budget = EPOCHS * side.value("agent_steps_collected_per_epoch")
    overrides["trainer.total_timesteps"] = max(1, budget)
    try:
        # The toy world has no options; num_tokens above only tells the audit how wide its observations are.
        plan: RunPlan = resolve_native(METTA, overrides, run_dir=str(folder), machine=MACHINE)
    except UserError:
        assert side.sizes.problems
        return "refused"
    plan = plan.model_copy(update={"env": plan.env.model_copy(update={"game_options": {}})})
    side = native_side(load_native(METTA, overrides), MACHINE)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    records = Records()
    trainer = NativeTrainer(plan, records, toy_worlds)
    writer = watch(trainer)
    try:
        result = trainer.run(lambda: False)
    finally:
        trainer.close()
    epochs = side.value("total_epochs")
    assert result.epochs == epochs == EPOCHS
    collected = side.value("agent_steps_collected_per_epoch")
    assert [record.agent_steps for record in records] == [collected, 2 * collected]
    assert result.agent_steps == side.value("final_agent_steps")
    assert records[0].env_steps == side.value("env_steps_per_epoch")
    assert records[0].gradient_updates == side.value("gradient_updates_per_epoch")
    assert result.gradient_updates == side.value("total_gradient_updates")
    assert trainer.experience.rows == side.value("segments")
    assert trainer._worlds.num_groups == side.value("groups")
    assert trainer._worlds.agents_per_group == side.value("agents_per_forward")
    rates = [record.values["train/learning_rate"] for record in records]
    assert rates == pytest.approx([side.value("learning_rate_first"), side.value("learning_rate_last")])
    held = [t for t in vars(trainer.experience).values() if isinstance(t, torch.Tensor)]
    held += [t for t in (*trainer._rollout.h, *trainer._rollout.c) if t is not None]
    assert sum(t.nbytes for t in held) == side.value("experience_bytes")
    # After two rounds a spliced row holds two different visits; a row that was never half-filled holds one.
    torn = sum(len(set(row)) > 1 for row in writer)
    assert torn == side.value("spliced_rows")
    return "wasted" if side.value("wasted_fraction") else "clean"


def rate_schedules() -> st.SearchStrategy[dict[str, Any]]:
    numbers = {"start": st.floats(1e-4, 1e-2), "end": st.floats(1e-4, 1e-2), "begin_agent_steps": st.integers(0, 60)}
    ends = st.one_of(st.none(), st.integers(61, 300))
    base = {"key": st.just("optimizer.learning_rate"), "end_agent_steps": ends, **numbers}
    plain = st.fixed_dictionaries({**base, "kind": st.sampled_from(["linear", "cosine"])})
    sawtooth = st.fixed_dictionaries({**base, "kind": st.just("sawtooth"), "period_agent_steps": st.integers(1, 100)})
    return st.one_of(plain, sawtooth)


def shapes() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "agents": st.integers(1, 3),
            "target": st.integers(1, 9),
            "groups": st.integers(1, 3),
            "horizon": st.integers(1, 4),
            "rows": st.integers(1, 40),
            "remainder": st.sampled_from([0, 0, 0, 1]),
            "minibatch_rows": st.integers(1, 8),
            "epochs": st.integers(1, 2),
            "row_policy": st.sampled_from(["exact", "upstream"]),
            "sampling": st.sampled_from(["sequential", "multinomial"]),
            "row_end": st.sampled_from(["ignore", "bootstrap"]),
            "recurrent": st.booleans(),
            "annealing": st.sampled_from(["constant", "cosine"]),
            "schedules": st.lists(rate_schedules(), max_size=2),
        }
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(shape=shapes())
def test_any_shape(shape: dict[str, Any], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    check(shape, tmp_path)


def test_the_draws_reach_every_outcome(tmp_path: Path) -> None:
    base = {"agents": 2, "target": 4, "groups": 2, "horizon": 3, "rows": 16, "remainder": 0, "minibatch_rows": 4,
            "epochs": 1, "row_policy": "upstream", "sampling": "sequential", "row_end": "ignore",
            "recurrent": False, "annealing": "cosine", "schedules": []}  # fmt: skip
    assert check(base, tmp_path) == "clean"
    assert check(base | {"rows": 12}, tmp_path) == "wasted"
    assert check(base | {"rows": 12, "row_policy": "exact"}, tmp_path) == "clean"
    assert check(base | {"rows": 4}, tmp_path) == "refused"


@pytest.mark.long
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(shape=shapes())
def test_many_shapes(shape: dict[str, Any], tmp_path: Path) -> None:
    check(shape, tmp_path)

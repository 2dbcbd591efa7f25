"""Counters over ranks against two real ranks (gloo): our trainer, and PuffeRL under its own rule."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.resolver import resolve_native
from metta_puffer.config.sides import native_side, puffer_side
from metta_puffer.native.distributed import open_ranks
from metta_puffer.native.trainer import NativeTrainer
from tests.config.conftest import CONFIGS
from tests.config.test_against_native import METTA, Records, overrides_for, toy_worlds
from tests.config.test_against_puffer import GroupsInTurn, TinyPolicy, trainer_config
from tests.native.test_distributed import on_two_ranks

TWO = Machine(physical_cores=64, logical_cpus=64, gpus=0, ranks=2)
SHAPE = {"agents": 2, "target": 8, "groups": 2, "horizon": 3, "rows": 32, "remainder": 0, "minibatch_rows": 4,
         "epochs": 1, "row_policy": "upstream", "sampling": "sequential", "row_end": "ignore", "recurrent": False,
         "annealing": "cosine", "schedules": []}  # fmt: skip


@pytest.mark.parametrize("divided", [pytest.param(False, marks=pytest.mark.long), True])
def test_our_trainer_on_two_ranks(divided: bool, tmp_path: Path) -> None:
    overrides = overrides_for(SHAPE) | {
        "trainer.scale_batches_by_world_size": divided,
        "trainer.total_timesteps": 3 * 2 * (48 if divided else 96) - 1,
    }
    side = native_side(load_native(METTA, overrides), TWO)
    assert side.value("batch_size") == (48 if divided else 96)
    assert side.value("agents_per_forward") == (4 if divided else 8)

    def work(rank: int) -> dict[str, Any]:
        plan = resolve_native(METTA, overrides, run_dir=str(tmp_path / "run"), machine=TWO)
        plan = plan.model_copy(update={"env": plan.env.model_copy(update={"game_options": {}})})
        records = Records()
        with open_ranks("cpu") as ranks:
            trainer = NativeTrainer(plan, records, toy_worlds, ranks)
            result = trainer.run(lambda: False)
            own_cells = trainer.experience.rows * trainer.experience.horizon
            trainer.close()
        return {
            "cells": own_cells,
            "epochs": result.epochs,
            "agent_steps": result.agent_steps,
            "updates": result.gradient_updates,
            "first": [records[0].agent_steps, records[0].env_steps] if rank == 0 else [],
            "rates": [record.values["train/learning_rate"] for record in records],
        }

    first, second = on_two_ranks(work)
    assert first["cells"] == second["cells"] == side.value("agent_steps_trained_per_epoch")
    for found in (first, second):
        assert found["epochs"] == side.value("total_epochs") == 3
        assert found["agent_steps"] == side.value("final_agent_steps")
        assert found["updates"] == side.value("total_gradient_updates")
    collected = [side.value(f"{name}_per_epoch_all_ranks") for name in ("agent_steps_collected", "env_steps")]
    assert first["first"] == collected
    ends = [side.value("learning_rate_first"), side.value("learning_rate_last")]
    assert [first["rates"][0], first["rates"][-1]] == pytest.approx(ends)


@pytest.mark.long
def test_pufferl_counts_each_rank_for_itself_and_logs_the_sum() -> None:
    overrides = {
        "vec.num_envs": 2, "vec.batch_size": 1, "vec.num_workers": 2, "env.num_agents": 2, "train.device": "cpu",
        "base.rnn_name": "None", "train.bptt_horizon": 4, "train.minibatch_size": 8, "train.total_timesteps": 50,
    }  # fmt: skip
    loaded = load_puffer(CONFIGS / "puffer" / "default.ini", overrides)
    side = puffer_side(loaded, TWO, loop="stock")

    def work(rank: int) -> dict[str, Any]:
        from metta_puffer.puffer.contained import pufferl

        module = pufferl()
        module.PuffeRL.print_dashboard = lambda *args, **kwargs: None
        module.PuffeRL.save_checkpoint = lambda self: None
        module.Utilization = lambda: SimpleNamespace(stop=lambda: None)
        with open_ranks("cpu"):
            vecenv = GroupsInTurn(side.value("agents_per_forward"), side.value("groups"))
            trainer = module.PuffeRL(trainer_config(side), vecenv, TinyPolicy())
            rounds = 0
            while trainer.global_step < trainer.config["total_timesteps"]:  # its own train() asks the same
                trainer.evaluate()
                trainer.last_log_time = float("inf")  # no log in between: one rank's would be None
                trainer.train()
                rounds += 1
            return {"rounds": rounds, "own": trainer.global_step, "logged": module.dist_sum(trainer.global_step, "cpu"),
                    "annealed": trainer.total_epochs}  # fmt: skip

    for found in on_two_ranks(work):
        assert found["rounds"] == side.value("total_epochs")
        assert found["own"] == side.value("total_epochs") * side.value("agent_steps_collected_per_epoch")
        final_rollouts = side.quantities["final_agent_steps"].inputs[-1].value
        counted = side.value("final_agent_steps") - final_rollouts * side.value(
            "agent_steps_collected_per_epoch_all_ranks"
        )
        assert found["logged"] == counted
        inputs = {entry.name: entry.value for entry in side.quantities["learning_rate_last"].inputs}
        assert found["annealed"] == inputs["annealed_epochs"]


def test_ranks_of_puffer_train_share_the_budget() -> None:
    loaded = load_puffer(CONFIGS / "puffer" / "arena-small.ini")
    alone, together = puffer_side(loaded, Machine(64, 64)), puffer_side(loaded, TWO)
    assert together.value("total_epochs") == -(-alone.value("total_epochs") // 2)
    assert together.value("total_agents_all_ranks") == 2 * alone.value("total_agents")
    assert together.value("distinct_env_seeds_all_ranks") == 2 * alone.value("distinct_env_seeds")


def test_upstream_ranks_share_seeds() -> None:
    loaded = load_native(METTA)
    eight = Machine(64, 64, 8, ranks=8)
    side = native_side(loaded, eight, agents=3, workers=16, semantics="2025-07")
    assert side.value("distinct_env_seeds_all_ranks") == len(
        {rank + worker + world for rank in range(8) for worker in range(16) for world in range(2720 // 16)}
    )

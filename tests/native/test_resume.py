"""A run killed at any moment goes on from its last completed checkpoint as if nothing had happened."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from metta_puffer.config.plan import LossTermPlan, RunPlan, SchedulePlan
from metta_puffer.native import checkpoints
from metta_puffer.native.trainer import train
from metta_puffer.tracking.jsonl import JsonlSink, read_records
from metta_puffer.tracking.schema import MetricRecord
from tests.native.toys import ListSink, recall_env, toy_plan

CLOCKS = ("seconds/", "throughput/", "system/")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def measured(records: list[MetricRecord]) -> list[tuple[Any, ...]]:
    """Records without what the machine's clock and load say."""
    return [
        (
            r.epoch,
            r.agent_steps,
            r.env_steps,
            r.gradient_updates,
            {name: value for name, value in r.values.items() if not name.startswith(CLOCKS)},
        )
        for r in records
    ]


def assert_same_end(one: Path, other: Path) -> None:
    """Newest versions equal in every tensor: weights, optimizer, random streams, recurrent state, worlds."""
    a, b = (checkpoints.load(checkpoints.resolve(folder)) for folder in (one, other))
    for mine, others in ((a.weights, b.weights), (a.tensors, b.tensors)):
        assert mine.keys() == others.keys()
        for name, tensor in mine.items():
            assert torch.equal(tensor, others[name]), name


SETTINGS = {
    "as by default": {},
    "as upstream": {
        "rules__row_end": "ignore",
        "rules__sampling": "multinomial",
        "rules__truncation": "ignore",
        "rules__training_state": "zeros",
        "rules__rollout_state": "reset",
    },
    "centred, accumulating": {"rules__reward_centering": 0.1, "batch__accumulate_minibatches": 3},
    "rows upstream": {
        "rules__row_policy": "upstream",
        "rules__row_end": "ignore",
        "batch__segments": 72,
        "batch__minibatch_segments": 18,
    },
    "truncating": {"env__game_options": {"truncates": True, "length": 5}},
    "with a loss of its own": {"losses": (LossTermPlan(name="contrastive", coef=0.1),)},
    "accumulating for a loss's own weights": {
        "losses": (LossTermPlan(name="dynamics", coef=0.5),),
        "batch__accumulate_minibatches": 3,
    },
    "muon": {"optimizer__type": "muon"},
    "schedule-free": {"optimizer__type": "adamw_schedulefree"},
    "scheduled, held to the start": {
        "loss__l2_init_loss_coef": 0.1,
        "schedules": (
            SchedulePlan(key="ppo.ent_coef", kind="metric", start=0.1, end=0.0, metric="score", metric_smoothing=0.9),
        ),
    },
    "adamw, cosine": {"optimizer__type": "adamw", "optimizer__learning_rate_schedule": "cosine"},
}


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS.keys())
def test_two_halves_are_one_whole(tmp_path: Path, changes: dict[str, Any]) -> None:
    def plan(name: str, epochs: int) -> RunPlan:
        collected = 512 if "batch__segments" not in changes else 32 * (16 + 15)
        return toy_plan(tmp_path / name, batch__total_timesteps=collected * epochs, batch__total_epochs=9, **changes)

    whole, halves = ListSink(), ListSink()
    train(plan("whole", 9), whole, recall_env)
    train(plan("halves", 4), halves, recall_env)
    train(plan("halves", 9), halves, recall_env)
    assert measured(halves.records) == measured(whole.records)
    assert_same_end(tmp_path / "whole", tmp_path / "halves")


def test_worker_processes_go_on_as_well(tmp_path: Path) -> None:
    def plan(name: str, epochs: int) -> RunPlan:
        return toy_plan(tmp_path / name, env__workers=2, batch__total_timesteps=512 * epochs)

    whole, halves, threads = ListSink(), ListSink(), ListSink()
    train(plan("whole", 4), whole, recall_env)
    train(plan("halves", 2), halves, recall_env)
    train(plan("halves", 4), halves, recall_env)
    assert measured(halves.records) == measured(whole.records)
    assert_same_end(tmp_path / "whole", tmp_path / "halves")
    # The same worlds in threads of this process: it is nobody's business who steps them.
    train(toy_plan(tmp_path / "threads", batch__total_timesteps=512 * 4), threads, recall_env)
    assert measured(threads.records) == measured(whole.records)


def test_other_worlds_are_not_taken_up(tmp_path: Path) -> None:
    from metta_puffer.errors import UserError

    train(toy_plan(tmp_path), ListSink(), recall_env)
    with pytest.raises(UserError, match="seed was 3 and now is 4"):
        train(toy_plan(tmp_path, env__seed=4), ListSink(), recall_env)


def run_in_child(target: Callable[[], None]) -> int:
    """Exit code of a forked child: 0, or minus the signal that ended it."""
    child = multiprocessing.get_context("fork").Process(target=target)
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def resume_until(plan: RunPlan, deadline_seconds: float | None) -> Callable[[], None]:
    """Trains; a timer whose signal nothing catches ends the process wherever it is, as kill -9 would."""

    def target() -> None:
        torch.set_num_threads(1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if deadline_seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, deadline_seconds)
        sink = JsonlSink(Path(plan.run_dir) / "metrics.jsonl")
        train(plan, sink, recall_env)
        sink.close()
        os._exit(0)

    return target


def kill_often(tmp_path: Path, kills: int, epochs: int) -> None:
    """Compares a run killed `kills` times at random moments with one left in peace."""

    def plan(name: str) -> RunPlan:
        return toy_plan(
            tmp_path / name,
            batch__total_timesteps=512 * epochs,
            batch__total_epochs=epochs,
            checkpoint_interval_epochs=1,
        )

    assert run_in_child(resume_until(plan("peace"), None)) == 0
    generator = np.random.default_rng(0)
    ended = 0
    newest = 0
    while ended < kills:
        # A child that gets nowhere is given longer, so that the run comes to its end.
        code = run_in_child(resume_until(plan("killed"), generator.uniform(0.02, 1.2)))
        assert code in (0, -signal.SIGALRM)
        ended += 1
        found = checkpoints.versions(tmp_path / "killed" / "checkpoints")
        for version in found[-2:]:
            checkpoints.load(version)  # every version that shows is whole
        epoch = int(found[-1].name[1:]) if found else 0
        assert epoch >= newest  # and none is lost
        newest = epoch
    assert run_in_child(resume_until(plan("killed"), None)) == 0
    assert_same_end(tmp_path / "peace", tmp_path / "killed")
    peace, killed = (read_records(tmp_path / name / "metrics.jsonl") for name in ("peace", "killed"))
    assert measured(killed) == measured(peace)
    assert len(peace) == epochs


def test_killed_at_random_moments_nothing_completed_is_lost(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=6, epochs=25)


@pytest.mark.long
def test_killed_at_fifty_random_moments_over_two_thousand_updates(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=50, epochs=500)

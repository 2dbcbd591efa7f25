"""Driving the unmodified PuffeRL: rounds, records, interruption, resume. A toy world; Metta's own is in test_cli."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from metta_puffer.errors import UserError
from metta_puffer.puffer import trainer as trainer_module
from metta_puffer.puffer.checkpoints import read_saved, restore
from metta_puffer.puffer.ranks import Ranks
from metta_puffer.puffer.train import train
from metta_puffer.puffer.trainer import open_trainer
from metta_puffer.puffer.vecenv import open_vecenv
from metta_puffer.tracking.schema import MetricRecord
from tests.puffer.toy import MemorySink, ToyPolicy, toy_plan

pytestmark = pytest.mark.usefixtures("toy")


def test_a_run_ends_at_its_budget_with_one_record_a_round(tmp_path: Path) -> None:
    sink = MemorySink()
    result = train(toy_plan(str(tmp_path / "run")), sink)
    assert (result.status, result.epochs, result.agent_steps, result.gradient_updates) == ("finished", 5, 640, 20)
    assert [r.epoch for r in sink.records] == [1, 2, 3, 4, 5]
    assert [r.agent_steps for r in sink.records] == [128, 256, 384, 512, 640]
    assert [r.env_steps for r in sink.records] == [32, 64, 96, 128, 160]
    assert [r.gradient_updates for r in sink.records] == [4, 8, 12, 16, 20]
    for record in sink.records:
        assert {"score", "environment/agent/right", "losses/policy_loss", "seconds/rollout"} <= record.values.keys()
        assert record.values["throughput/agent_steps_per_second"] > 0
    rates = [record.values["train/learning_rate"] for record in sink.records]
    assert rates[0] == 0.01 and rates == sorted(rates, reverse=True)


def test_score_is_the_mean_return_of_the_rounds_own_episodes_and_absent_without_any(tmp_path: Path) -> None:
    batch = toy_plan("x").batch.model_copy(
        update={
            "batch_size": 32, "bptt_horizon": 4, "minibatch_size": 16, "minibatch_segments": 4,
            "num_minibatches": 2, "gradient_updates_per_epoch": 2, "total_timesteps": 128,
        }
    )  # fmt: skip
    sink = MemorySink()
    train(toy_plan(str(tmp_path / "run"), batch=batch), sink)
    # 4 moments a round, episodes of 7: they end in the second and fourth round.
    assert ["score" in record.values for record in sink.records] == [False, True, False, True]
    assert sink.records[1].values["score"] == sink.records[1].values["environment/episode_return"]


def test_same_seed_same_numbers_other_seed_others(tmp_path: Path) -> None:
    def losses(name: str, seed: int) -> list[float]:
        sink = MemorySink()
        train(toy_plan(str(tmp_path / name), seed=seed), sink)
        return [record.values["losses/value_loss"] for record in sink.records]

    assert losses("a", 1) == losses("b", 1) != losses("c", 2)


def interrupted_after(epoch: int, number: signal.Signals) -> MemorySink:
    def interrupt(record: MetricRecord) -> None:
        if record.epoch == epoch:
            os.kill(os.getpid(), number)

    return MemorySink(interrupt)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_saves_and_resumes_to_the_same_end(tmp_path: Path, number: signal.Signals) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    plan = toy_plan(str(tmp_path / "run"))
    stopped = train(plan, interrupted_after(3, number))
    assert (stopped.status, stopped.epochs, stopped.agent_steps) == ("interrupted", 3, 384)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert stopped.checkpoint and Path(stopped.checkpoint).name == "model_000003.pt"

    rest = MemorySink()
    resumed = train(plan, rest)
    assert (resumed.status, resumed.epochs, resumed.agent_steps) == ("finished", 5, 640)
    assert [(r.epoch, r.agent_steps, r.gradient_updates) for r in rest.records] == [(4, 512, 16), (5, 640, 20)]
    assert rest.records[0].wall_seconds > stopped.wall_seconds

    unbroken = MemorySink()
    train(toy_plan(str(tmp_path / "unbroken")), unbroken)
    for record, expected in zip(rest.records, unbroken.records[3:], strict=True):
        assert record.values["train/learning_rate"] == expected.values["train/learning_rate"]


def test_a_resumed_run_starts_from_the_saved_weights_optimizer_and_random_streams(tmp_path: Path) -> None:
    plan = toy_plan(str(tmp_path / "run"))
    train(plan, interrupted_after(2, signal.SIGINT))
    state = torch.load(tmp_path / "run" / "resume_state.pt", weights_only=True)

    with open_vecenv(plan.env, seed=9) as vecenv, open_trainer(plan, vecenv, seed=9, ranks=Ranks()) as trainer:
        saved_run = read_saved(plan)
        assert saved_run is not None
        restore(trainer, saved_run)
        saved = torch.load(tmp_path / "run" / "model_000002.pt", weights_only=True)
        assert all(torch.equal(saved[name], tensor) for name, tensor in trainer.policy.state_dict().items())
        moments = trainer.optimizer.state_dict()["state"]
        assert all(torch.equal(moments[i]["exp_avg"], state["optimizer"]["state"][i]["exp_avg"]) for i in moments)
        assert moments[0]["step"] == 8
        assert torch.equal(torch.get_rng_state(), state["random"]["torch"])


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    plan = toy_plan(str(tmp_path / "run"))
    first = train(plan, MemorySink())
    again = MemorySink()
    second = train(plan, again)
    assert not again.records and second == first


def test_another_runs_folder_is_refused_naming_the_setting(tmp_path: Path) -> None:
    plan = toy_plan(str(tmp_path / "run"))
    train(plan, MemorySink())
    other = plan.model_copy(update={"loss": plan.loss.model_copy(update={"gamma": 0.5})})
    with pytest.raises(UserError, match=r"loss.gamma = 0.5: the run saved here had 0.9"):
        train(other, MemorySink())


def test_two_groups_of_workers_train_and_end(tmp_path: Path) -> None:
    env = {"envs": 2, "workers": 2, "envs_per_forward": 1, "backend": "Multiprocessing"}
    sink = MemorySink()
    assert train(toy_plan(str(tmp_path / "run"), env=env), sink).status == "finished"
    assert len(sink.records) == 5 and all("score" in record.values for record in sink.records)
    assert not [t for t in threading.enumerate() if type(t).__name__ == "Utilization" and not t.stopped]


def test_a_dying_worker_ends_the_run_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import multiprocessing

    def kill_a_worker(record: MetricRecord) -> None:
        multiprocessing.active_children()[0].kill()

    env = {"envs": 2, "workers": 2, "envs_per_forward": 1, "backend": "Multiprocessing"}
    with pytest.raises(UserError, match=r"environment worker \d stopped with exit status -9"):
        train(toy_plan(str(tmp_path / "run"), env=env), MemorySink(kill_a_worker))


def test_sizes_that_pufferl_refuses_and_folders_that_cannot_be_written_are_the_users(tmp_path: Path) -> None:
    plan = toy_plan(str(tmp_path / "run"))
    small = plan.model_copy(update={"batch": plan.batch.model_copy(update={"batch_size": 64})})
    with pytest.raises(UserError, match="Total agents 8 <= segments 4"):
        train(small, MemorySink())
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be written"):
        train(toy_plan(str(tmp_path / "file" / "run")), MemorySink())


class StalenessProbe(ToyPolicy):
    """Counts the forward passes that did not use the weights as they are, and those whose weights get no gradient."""

    passes = stale = detached = 0

    def forward(self, observations: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.actor(observations.float())
        fresh = torch.nn.functional.linear(
            observations.float(), self.actor.weight.detach().clone(), self.actor.bias.detach().clone()
        )
        self.passes += 1
        self.stale += not torch.equal(logits, fresh)
        self.detached += not logits.requires_grad
        return logits, self.critic(observations.float())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_forward_pass_of_an_update_sees_the_newest_weights(
    tmp_path: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Left to itself PuffeRL's autocast, entered and never left, keeps converted weights through optimizer steps.
    probe = StalenessProbe()
    monkeypatch.setattr(trainer_module, "build_policy", lambda plan, env: probe)
    train(toy_plan(str(tmp_path / "run"), precision=precision), MemorySink())
    assert (probe.passes, probe.stale, probe.detached) == (20, 0, 0)
    assert not torch.is_autocast_enabled("cpu")


def test_muon_trains_and_resumes_with_its_momentum(tmp_path: Path) -> None:
    plan = toy_plan(str(tmp_path / "run"))
    plan = plan.model_copy(update={"optimizer": plan.optimizer.model_copy(update={"type": "muon"})})
    assert train(plan, interrupted_after(3, signal.SIGINT)).status == "interrupted"
    saved = read_saved(plan)
    assert saved is not None
    momentum = saved.state["optimizer"]["state"][0][0]["nesterov_ema_momentum_1"]
    with open_vecenv(plan.env, seed=9) as vecenv, open_trainer(plan, vecenv, seed=9, ranks=Ranks()) as trainer:
        restore(trainer, saved)
        assert torch.equal(trainer.optimizer.state_dict()["state"][0][0]["nesterov_ema_momentum_1"], momentum)
    assert train(plan, MemorySink()).status == "finished"

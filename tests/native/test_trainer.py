"""The whole trainer on tiny environments."""

import os
import signal
from pathlib import Path

import pytest
import torch

from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.trainer import NativeTrainer, train
from metta_puffer.native.update import DivergedError
from metta_puffer.tracking.schema import MetricRecord
from tests.native.toys import ListSink, RecallEnv, recall_env, toy_plan


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_learns_to_remember(tmp_path: Path) -> None:
    """A random policy earns 2 of 4; one without memory sees nothing but the first cue and earns at most 2.5."""
    sink = ListSink()
    plan = toy_plan(tmp_path, batch__total_timesteps=512 * 45, batch__total_epochs=45)
    result = train(plan, sink, recall_env)
    assert result.status == "finished" and result.epochs == 45 and result.gradient_updates == 180
    scores = [record.values["score"] for record in sink.records]
    assert 1.7 < scores[0] < 2.3
    assert 3.8 < sum(scores[-3:]) / 3 <= 4.0


def test_records_count_and_name_what_happened(tmp_path: Path) -> None:
    sink = ListSink()
    result = train(toy_plan(tmp_path), sink, recall_env)
    assert [record.epoch for record in sink.records] == [1, 2, 3]
    assert [record.agent_steps for record in sink.records] == [512, 1024, 1536]
    assert [record.env_steps for record in sink.records] == [128, 256, 384]
    assert [record.gradient_updates for record in sink.records] == [4, 8, 12]
    assert result.agent_steps == 1536 and result.checkpoint is not None
    values = sink.records[-1].values
    for name in (
        "score",
        "environment/episode_length",
        "losses/policy_loss",
        "losses/value_loss",
        "losses/entropy",
        "losses/approx_kl",
        "losses/clipfrac",
        "losses/explained_variance",
        "throughput/agent_steps_per_second",
        "seconds/environment",
        "seconds/forward",
        "seconds/train",
        "train/learning_rate",
        "throughput/rollout_agent_steps_per_second",
        "throughput/train_agent_steps_per_second",
        "gradients/norm/core",
        "system/process_memory_bytes",
    ):
        assert name in values
    assert values["environment/episode_length"] == 4


def weights_of(run_dir: Path) -> dict[str, torch.Tensor]:
    return checkpoints.load(checkpoints.resolve(run_dir)).weights


def test_one_seed_one_result(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(toy_plan(tmp_path / name, seed=seed), ListSink(), recall_env)
    a, b, c = (weights_of(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_the_epoch_and_the_run_goes_on_from_there(tmp_path: Path, sent: signal.Signals) -> None:
    class Interrupting(ListSink):
        def log(self, record: MetricRecord) -> None:
            super().log(record)
            if record.epoch == 2:
                os.kill(os.getpid(), sent)

    before = signal.getsignal(sent)
    sink = Interrupting()
    plan = toy_plan(tmp_path, batch__total_timesteps=512 * 5)
    result = train(plan, sink, recall_env)
    assert (result.status, result.epochs) == ("interrupted", 2)
    assert result.checkpoint is not None and result.checkpoint.endswith("v000002")
    assert signal.getsignal(sent) is before
    resumed = ListSink()
    result = train(plan, resumed, recall_env)
    assert (result.status, result.epochs, result.agent_steps) == ("finished", 5, 2560)
    assert [record.epoch for record in resumed.records] == [3, 4, 5]
    assert resumed.records[0].wall_seconds > sink.records[-1].wall_seconds


def test_weights_that_are_not_finite_stop_the_run_and_are_named(tmp_path: Path) -> None:
    class Poisoned(ListSink):
        trainer: NativeTrainer

        def log(self, record: MetricRecord) -> None:
            super().log(record)
            if record.epoch == 2:
                self.trainer.policy.actor.bias.data[0] = float("nan")

    plan = toy_plan(tmp_path, checkpoint_interval_epochs=1)
    sink = Poisoned()
    trainer = sink.trainer = NativeTrainer(plan, sink, recall_env)
    with pytest.raises(DivergedError, match=r"epoch 2: weights of actor.bias.*checkpoints/v000002"):
        trainer.run(lambda: False)
    trainer.close()


def test_a_reward_that_is_not_finite_is_named(tmp_path: Path) -> None:
    class Broken(RecallEnv):
        def step(self, actions):  # type: ignore[no-untyped-def]
            result = super().step(actions)
            self.rewards[0] = float("inf")
            return result

    with pytest.raises(DivergedError, match=r"epoch 0: .*rewards.*checkpoint: none"):
        train(toy_plan(tmp_path), ListSink(), lambda plan, worlds, seed, buf=None: Broken(4 * worlds, seed, buf=buf))


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    train(toy_plan(tmp_path, checkpoint_interval_epochs=1, checkpoint_keep=2), ListSink(), recall_env)
    assert [version.name for version in checkpoints.versions(tmp_path / "checkpoints")] == ["v000002", "v000003"]


def test_a_checkpoint_of_another_policy_is_refused(tmp_path: Path) -> None:
    train(toy_plan(tmp_path), ListSink(), recall_env)
    other = toy_plan(tmp_path, policy__options={"hidden_size": 8, "conv_channels": 1})
    with pytest.raises(UserError, match=r"v000003: .*another policy"):
        train(other, ListSink(), recall_env)


def test_impossible_sizes_are_refused_before_a_world_is_built(tmp_path: Path) -> None:
    def no_env(*_: object, **__: object) -> None:
        raise AssertionError("an environment was built")

    with pytest.raises(UserError, match=r"(?s)trainer.batch_size.*multiple of 512"):
        train(toy_plan(tmp_path, batch__segments=65), ListSink(), no_env)

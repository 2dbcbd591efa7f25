"""Every policy inside both trainers: what an agent did in the rollout is what the update evaluates."""

from pathlib import Path

import pytest
import torch

from metta_puffer.config.plan import RunPlan
from metta_puffer.native.trainer import NativeTrainer, train
from metta_puffer.policies import POLICIES
from metta_puffer.puffer.checkpoints import save_checkpoint
from metta_puffer.puffer.contained import autocast_restored
from metta_puffer.puffer.ranks import Ranks
from metta_puffer.puffer.trainer import open_trainer
from tests.native.toys import WINDOW, ListSink, RecallEnv, recall_env, toy_plan

NAMES = sorted(POLICIES)
SIZES: dict[str, dict[str, object]] = {name: {"hidden_size": 16} for name in NAMES}
SIZES["fast"]["conv_channels"] = 4
WINDOWS = {"fast": 11}  # its convolutions need a larger window than the toy world's
LEARNING_RATES = {"cortex": 0.003}  # at 0.01 its stacked cells do not leave chance within the rounds given
REMEMBERING = [name for name in NAMES if name != "memory-free"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def plan_of(name: str, run_dir: Path, **changes: object) -> RunPlan:
    plan = toy_plan(run_dir, policy__name=name, policy__options=SIZES[name], **changes)
    game = {"window": WINDOWS.get(name, WINDOW), **plan.env.game_options}
    return plan.model_copy(update={"env": plan.env.model_copy(update={"game_options": game})})


def one_minibatch(name: str, run_dir: Path, **changes: object) -> RunPlan:
    """The whole buffer in one minibatch, so that nothing has been learned when its ratios are taken."""
    sizes = {"minibatch_size": 512, "minibatch_segments": 64, "num_minibatches": 1, "gradient_updates_per_epoch": 1}
    return plan_of(name, run_dir, **{f"batch__{key}": value for key, value in sizes.items()}, **changes)


def make_decisive(policy: torch.nn.Module) -> None:
    """Fresh policies choose all actions alike, whatever they saw; this one's choice shows what it remembers."""
    with torch.no_grad():
        policy.actor.weight *= 300  # type: ignore[union-attr, operator]


def assert_all_one(ratios: torch.Tensor) -> None:
    torch.testing.assert_close(ratios, torch.ones_like(ratios), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_our_update_evaluates_what_was_done(name: str, tmp_path: Path) -> None:
    """Two rounds of rows of 8, episodes of 3: they end inside rows, and the second round's rows start amid one."""
    changes = {"batch__total_timesteps": 1024, "batch__total_epochs": 2, "env__game_options": {"length": 3}}
    plan = one_minibatch(name, tmp_path, **changes)
    trainer = NativeTrainer(plan, ListSink(), recall_env)
    make_decisive(trainer.policy)
    try:
        assert trainer.run(lambda: False).status == "finished"
        assert_all_one(trainer.experience.ratios)
    finally:
        trainer.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_unmodified_pufferl_trains_it(name: str, tmp_path: Path) -> None:
    """It knows of two state tensors of hidden_size, whatever the policy remembers with: its ratios are 1, too."""
    env = RecallEnv(64, 3, window=WINDOWS.get(name, WINDOW))
    plan = one_minibatch(name, tmp_path, env__envs_per_forward=16)
    with autocast_restored("cpu"), open_trainer(plan, env, seed=3, ranks=Ranks()) as trainer:
        make_decisive(trainer.uncompiled_policy)
        for _ in range(2):
            trainer.evaluate()
            trainer.train()
            assert_all_one(trainer.ratio)


@pytest.mark.parametrize("name", NAMES)
def test_each_trainer_begins_with_the_others_weights(name: str, tmp_path: Path) -> None:
    """Ours writes a version, PuffeRL begins with its weights and writes a model, ours begins with that."""
    plan = one_minibatch(name, tmp_path / "ours", env__envs_per_forward=16)
    first = NativeTrainer(plan, ListSink(), recall_env)
    first.save()
    first.close()
    written = next((tmp_path / "ours").rglob("weights.safetensors"))
    theirs = plan.model_copy(
        update={"run_dir": str(tmp_path / "theirs"), "extra": {"load_model_path": str(written)}, "seed": 5}
    )
    env = RecallEnv(64, 5, window=WINDOWS.get(name, WINDOW))
    with autocast_restored("cpu"), open_trainer(theirs, env, seed=5, ranks=Ranks()) as trainer:
        model = save_checkpoint(trainer, theirs, None)
    again = plan.model_copy(update={"run_dir": str(tmp_path / "again"), "initial_policy": model, "seed": 6})
    second = NativeTrainer(again, ListSink(), recall_env)
    second.close()
    weights = first.policy.state_dict()
    assert weights.keys() == second.policy.state_dict().keys()
    assert all(torch.equal(tensor, weights[key]) for key, tensor in second.policy.state_dict().items())


@pytest.mark.long
@pytest.mark.parametrize("name", REMEMBERING)
def test_it_learns_to_remember(name: str, tmp_path: Path) -> None:
    """The cue is shown once, then asked for four times: 4 with a memory; 2.5 without, 2 at random."""
    sink = ListSink()
    changes = {"batch__total_timesteps": 512 * 60, "batch__total_epochs": 60}
    plan = plan_of(name, tmp_path, optimizer__learning_rate=LEARNING_RATES.get(name, 0.01), **changes)
    train(plan, sink, recall_env)
    assert sum(record.values["score"] for record in sink.records[-5:]) / 5 > 3.6

"""The equivalence bridge: with configs/native/as-puffer.yaml's rules our trainer is the unmodified PuffeRL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from metta_puffer.config.plan import RulesPlan, RunPlan
from metta_puffer.native.optimizers import learning_rate, set_numbers
from metta_puffer.native.trainer import NativeTrainer
from metta_puffer.puffer.contained import autocast_restored
from metta_puffer.puffer.ranks import Ranks
from metta_puffer.puffer.trainer import log_this_round, open_trainer
from tests.native.toys import ListSink, RecallEnv, recall_env, toy_plan

AS_PUFFER = yaml.safe_load(Path("configs/native/as-puffer.yaml").read_text())["trainer"]
RULES = {name: AS_PUFFER[name] for name in RulesPlan.model_fields if name in AS_PUFFER}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def puffer_plan(run_dir: Path, minibatches: int = 4, recurrent: bool = True, **changes: Any) -> RunPlan:
    """One group of 64 agents, one row each, as `as-puffer.yaml` rules; two episodes end inside every row."""
    plan = toy_plan(
        run_dir,
        env__envs_per_forward=16,
        batch__minibatch_size=512 // minibatches,
        batch__minibatch_segments=64 // minibatches,
        batch__num_minibatches=minibatches,
        batch__gradient_updates_per_epoch=minibatches,
        batch__total_timesteps=512 * 40,
        batch__total_epochs=40,
        optimizer__learning_rate_schedule="cosine",
        policy__recurrent=recurrent,
        loss__prio_alpha=0.5,
    )
    rules = plan.rules.model_copy(update={**RULES, **changes})
    return plan.model_copy(update={"rules": rules})


@contextmanager
def both(plan: RunPlan) -> Iterator[tuple[Any, NativeTrainer]]:
    """(PuffeRL, ours) with the same weights, worlds and random numbers to come."""
    env = RecallEnv(64, plan.env.seed)
    env.agents_per_batch = 64
    ours = NativeTrainer(plan, ListSink(), recall_env)
    ours._worlds.reset()
    with autocast_restored("cpu"), open_trainer(plan, env, seed=plan.env.seed, ranks=Ranks()) as theirs:
        theirs.uncompiled_policy.load_state_dict(ours.policy.state_dict())
        yield theirs, ours
    ours.close()


def share_randomness(ours: NativeTrainer, seed: int) -> None:
    """PuffeRL draws actions and minibatches from torch's one global stream; so does ours now, from its like."""
    torch.manual_seed(seed)
    stream = torch.Generator().manual_seed(seed)
    ours._rollout._generator = ours._update._generator = stream


def give_buffer(theirs: Any, ours: NativeTrainer) -> None:
    mine = ours.experience
    mine.observations.copy_(theirs.observations)
    mine.actions.copy_(theirs.actions)
    mine.logprobs.copy_(theirs.logprobs)
    for name, tensor in (("values", theirs.values), ("rewards", theirs.rewards), ("dones", theirs.terminals)):
        getattr(mine, name)[:, : mine.horizon] = tensor


def largest_difference(theirs: Any, ours: NativeTrainer) -> float:
    pairs = zip(theirs.uncompiled_policy.parameters(), ours.policy.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


def gradient_difference(theirs: Any, ours: NativeTrainer) -> float:
    """Relative L2 distance of Adam's first moments: equal parameters after one Adam step would prove little."""

    def moments(optimizer: torch.optim.Optimizer) -> torch.Tensor:
        return torch.cat([state["exp_avg"].flatten() for state in optimizer.state.values()])

    mine = moments(ours.optimizer)
    return float((moments(theirs.optimizer) - mine).norm() / mine.norm())


@pytest.mark.parametrize("minibatches", [1, 4, 32])
@pytest.mark.parametrize("recurrent", [True, False])
def test_same_buffer_and_weights_give_the_same_update(tmp_path: Path, minibatches: int, recurrent: bool) -> None:
    with both(puffer_plan(tmp_path, minibatches, recurrent)) as (theirs, ours):
        torch.manual_seed(5)
        theirs.evaluate()
        give_buffer(theirs, ours)
        share_randomness(ours, 6)
        before = [parameter.detach().clone() for parameter in ours.policy.parameters()]
        log_this_round(theirs)
        theirs.train()
        updated = ours._update.run(ours.experience, 0)
        assert updated.gradient_updates == minibatches
        moved = max(float((a - b).detach().abs().max()) for a, b in zip(before, ours.policy.parameters(), strict=True))
        assert moved > 1e-3  # the update did something
        assert largest_difference(theirs, ours) < 1e-6
        assert gradient_difference(theirs, ours) < 1e-5
        torch.testing.assert_close(ours.experience.values[:, :8], theirs.values, rtol=1e-5, atol=1e-6)
        for name in ("policy_loss", "value_loss", "entropy", "approx_kl", "clipfrac"):
            assert updated.losses[name] == pytest.approx(theirs.losses[name], rel=1e-4, abs=1e-6)


@dataclass(frozen=True)
class Round:
    same_moves: bool  # observations, actions and rewards of the two buffers
    values_apart: float  # largest difference of the values in them, before the update
    weights_apart: float  # largest difference of the weights after it


def iterate(plan: RunPlan, rounds: int) -> list[Round]:
    """Both trainers from one seed on the same worlds."""
    history = []
    with both(plan) as (theirs, ours):
        for epoch in range(rounds):
            share_randomness(ours, 100 + epoch)
            theirs.evaluate()
            log_this_round(theirs)
            ours._rollout.collect(ours._stopwatch)
            same = torch.equal(theirs.actions.long(), ours.experience.actions) and torch.equal(
                theirs.observations, ours.experience.observations
            )
            same = same and torch.allclose(theirs.rewards, ours.experience.rewards[:, :8])
            values_apart = float((theirs.values - ours.experience.values[:, :8]).abs().max())
            rate = learning_rate(plan.optimizer, epoch, plan.batch.total_epochs)
            set_numbers(ours.optimizer, plan.optimizer, rate)
            theirs.train()
            ours._update.run(ours.experience, epoch)
            history.append(Round(same, values_apart, largest_difference(theirs, ours)))
    return history


def test_both_stay_together_for_several_rounds(tmp_path: Path) -> None:
    for one in iterate(puffer_plan(tmp_path), rounds=6):
        # Rounding grows from round to round; a rule that differed would show at 1e-3 at once.
        assert one.same_moves and one.values_apart < 1e-4 and one.weights_apart < 1e-4


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("sampling", "sequential"),
        ("actor_advantage", "vtrace"),
        ("advantage_refresh", "round"),
        ("row_end", "bootstrap"),
    ],
)
def test_rules_of_the_update_part_them_in_the_update(tmp_path: Path, rule: str, value: str) -> None:
    [one] = iterate(puffer_plan(tmp_path, **{rule: value}), rounds=1)
    assert one.same_moves and one.values_apart < 1e-6
    assert one.weights_apart > 1e-5


def test_state_zeroed_at_episode_ends_parts_them_in_the_first_rollout(tmp_path: Path) -> None:
    [one] = iterate(puffer_plan(tmp_path, reset_state_on_done=True), rounds=1)
    assert one.values_apart > 1e-3


def test_state_carried_over_parts_them_in_the_second_rollout(tmp_path: Path) -> None:
    first, second = iterate(puffer_plan(tmp_path, rollout_state="carry"), rounds=2)
    assert first.values_apart < 1e-6 and first.weights_apart < 1e-6
    assert second.values_apart > 1e-3

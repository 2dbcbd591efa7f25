"""Every rule in which upstream trainers differ does what its name says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from metta_puffer.native.rollout import Rollout
from metta_puffer.native.stopwatch import Stopwatch
from metta_puffer.native.trainer import NativeTrainer
from metta_puffer.native.update import Update
from tests.native.toys import ListSink, RecallEnv, toy_plan


class PaidEnv(RecallEnv):
    """Pays 3 at every moment, whatever is done; episodes of 4 env-steps."""

    def step(self, actions: np.ndarray) -> tuple[Any, ...]:
        result = super().step(actions)
        self.rewards[:] = 3.0
        return result


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def trainer(run_dir: Path, truncates: bool = False, **rules: Any) -> NativeTrainer:
    plan = toy_plan(run_dir, **rules)

    def env(plan: Any, worlds: int, seed: int, buf: Any = None) -> PaidEnv:
        return PaidEnv(plan.agents_per_env * worlds, seed, buf=buf, truncates=truncates)

    made = NativeTrainer(plan, ListSink(), env)
    made._worlds.reset()
    return made


def collected(run_dir: Path, rounds: int = 1, truncates: bool = False, **rules: Any) -> NativeTrainer:
    made = trainer(run_dir, truncates, **rules)
    for _ in range(rounds):
        made._rollout.collect(Stopwatch())
    made.close()
    return made


def test_rewards_are_clamped_or_raw(tmp_path: Path) -> None:
    assert collected(tmp_path, rules__reward_clamp=1.0).experience.rewards.max() == 1
    assert collected(tmp_path).experience.rewards.max() == 3


def test_rewards_are_centred_by_each_agents_running_mean(tmp_path: Path) -> None:
    made = collected(tmp_path, rules__reward_centering=0.5)
    # The first reward (0) comes with the reset; then 3 - 0, 3 - 1.5, 3 - 2.25, ...
    mean, expected = 0.0, []
    for reward in [0.0] + [3.0] * 8:
        expected.append(reward - mean)
        mean += 0.5 * (reward - mean)
    assert made.experience.rewards[0].tolist() == pytest.approx(expected)
    assert made._rollout.mean_rewards.unique().tolist() == pytest.approx([mean])


def test_dones_come_from_terminals_and_from_truncations_unless_ignored(tmp_path: Path) -> None:
    ends = [0, 0, 0, 0, 1, 0, 0, 0, 1]  # with the observations after env-steps 4 and 8
    assert collected(tmp_path).experience.dones[0].tolist() == ends
    assert collected(tmp_path, truncates=True).experience.dones[0].tolist() == ends
    ignored = collected(tmp_path, truncates=True, rules__truncation="ignore")
    assert ignored.experience.dones[0].tolist() == [0] * 9


def test_a_truncated_episode_keeps_the_value_of_what_was_cut_off(tmp_path: Path) -> None:
    made = collected(tmp_path, truncates=True)
    experience, gamma = made.experience, made.plan.loss.gamma
    torch.testing.assert_close(experience.rewards[:, 4], 3 + gamma * experience.values[:, 3])
    assert (experience.rewards[:, [1, 2, 3, 5]] == 3).all()
    assert (collected(tmp_path).experience.rewards[:, 4] == 3).all()  # a terminal has no future


def test_recurrent_state_is_zeroed_at_episode_ends_or_kept(tmp_path: Path) -> None:
    made = collected(tmp_path)
    assert made.experience.resets[0].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert not collected(tmp_path, rules__reset_state_on_done=False).experience.resets.any()


def test_recurrent_state_is_carried_into_the_next_rollout_or_not(tmp_path: Path) -> None:
    # 8 env-steps are two whole episodes, so a reset at their end would hide what is carried.
    rules = {"rules__reset_state_on_done": False}
    assert collected(tmp_path, 2, **rules).experience.initial_h.abs().sum() > 0  # type: ignore[union-attr]
    fresh = collected(tmp_path, 2, rules__rollout_state="reset", **rules)
    assert not fresh.experience.initial_h.any()  # type: ignore[union-attr]


@pytest.mark.parametrize("reset_on_done", [True, False])
def test_training_sees_the_policy_of_the_rollout(tmp_path: Path, reset_on_done: bool) -> None:
    """Before any update the probability ratio is 1: state at row starts and at episode ends agree."""
    made = collected(tmp_path, 2, rules__reset_state_on_done=reset_on_done)
    logits, values = made._update._evaluate(made.experience, slice(None))
    logprobs = torch.log_softmax(logits, -1).gather(-1, made.experience.actions.view(-1, 1)).view(64, 8)
    torch.testing.assert_close(logprobs, made.experience.logprobs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(values, made.experience.values[:, :8], rtol=1e-5, atol=1e-5)


def test_training_from_zeros_does_not(tmp_path: Path) -> None:
    made = collected(tmp_path, 2, rules__reset_state_on_done=False, rules__training_state="zeros")
    _, values = made._update._evaluate(made.experience, slice(None))
    assert not torch.allclose(values, made.experience.values[:, :8], atol=1e-5)


def test_the_last_action_of_a_row_is_valued_or_left_without_an_advantage(tmp_path: Path) -> None:
    made = collected(tmp_path)
    experience, loss = made.experience, made.plan.loss
    last = made._update._advantages(experience)[:, -1]
    # 8 env-steps end an episode, so nothing follows the row but its last reward.
    torch.testing.assert_close(last, 3 - experience.values[:, 7])
    assert not collected(tmp_path, rules__row_end="ignore")._update._advantages(experience)[:, -1].any()
    assert loss.gamma == 0.9


def rows_drawn(made: NativeTrainer) -> list[list[int]]:
    advantages = made._update._advantages(made.experience)
    drawn = []
    for index in range(4):
        rows, _ = made._update.choose_rows(index, advantages, 0.6)
        drawn.append(torch.arange(64)[rows].tolist())
    return drawn


def test_rows_are_taken_in_order_or_drawn(tmp_path: Path) -> None:
    assert rows_drawn(collected(tmp_path)) == [list(range(16 * i, 16 * i + 16)) for i in range(4)]
    drawn = rows_drawn(collected(tmp_path, rules__sampling="multinomial"))
    assert all(len(set(rows)) == 16 for rows in drawn)  # no repeat inside a minibatch
    assert len({row for rows in drawn for row in rows}) < 64  # but across them


def test_drawn_rows_follow_their_priority(tmp_path: Path) -> None:
    made = collected(tmp_path, rules__sampling="multinomial", loss__prio_alpha=1.0)
    advantages = torch.zeros(64, 8)
    advantages[[3, 5]] = torch.tensor([1.0, 3.0])[:, None]
    made._update.plan = made.plan.model_copy(
        update={"batch": made.plan.batch.model_copy(update={"minibatch_segments": 1})}
    )
    picked = [int(made._update.choose_rows(0, advantages, 1.0)[0]) for _ in range(400)]  # type: ignore[arg-type]
    assert set(picked) == {3, 5}
    assert picked.count(5) / 400 == pytest.approx(0.75, abs=5 * (0.75 * 0.25 / 400) ** 0.5)
    row, weight = made._update.choose_rows(0, advantages, 1.0)
    expected = 1 / (64 * (0.75 if int(row) == 5 else 0.25))  # type: ignore[arg-type]
    assert weight is not None and float(weight) == pytest.approx(expected, rel=1e-4)


def advantage_calls(run_dir: Path, monkeypatch: pytest.MonkeyPatch, **rules: Any) -> int:
    made = collected(run_dir, batch__update_epochs=2, batch__num_minibatches=8, **rules)
    calls = []
    original = Update._advantages
    with monkeypatch.context() as patch:
        patch.setattr(
            Update,
            "_advantages",
            lambda self, experience, rows=slice(None): calls.append(rows) or original(self, experience, rows),
        )
        made._update.run(made.experience, 0)
    return len(calls)


def test_advantages_are_computed_as_often_as_the_rule_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for rule, calls in (("round", 1), ("update_epoch", 2), ("minibatch", 8)):
        assert advantage_calls(tmp_path, monkeypatch, rules__advantage_refresh=rule) == calls
    # V-trace weighs each minibatch with advantages of its own.
    assert advantage_calls(tmp_path, monkeypatch, rules__actor_advantage="vtrace") == 9


def test_target_kl_stops_the_update(tmp_path: Path) -> None:
    free = collected(tmp_path, optimizer__learning_rate=0.05, loss__norm_adv=True)
    assert free._update.run(free.experience, 0).gradient_updates == 4
    bound = collected(tmp_path, loss__target_kl=1e-12, optimizer__learning_rate=0.05)
    updated = bound._update.run(bound.experience, 0)
    assert updated.stopped_early and 1 <= updated.gradient_updates < 4


def test_accumulated_minibatches_are_averaged(tmp_path: Path) -> None:
    """Two halves accumulated step where one whole would: losses are means, and so is their sum."""
    changes = {"loss__norm_adv": False, "optimizer__type": "adam", "loss__max_grad_norm": 1e9}
    halves = collected(
        tmp_path,
        batch__minibatch_segments=16,
        batch__num_minibatches=4,
        batch__accumulate_minibatches=4,
        **changes,
    )
    whole = collected(tmp_path, batch__minibatch_segments=64, batch__num_minibatches=1, **changes)
    for made, updates in ((halves, 1), (whole, 1)):
        assert made._update.run(made.experience, 0).gradient_updates == updates
    for one, other in zip(halves.policy.parameters(), whole.policy.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_the_rollout_holds_nothing_back_between_rounds(tmp_path: Path) -> None:
    """What is received to value the rows' ends is acted upon first in the next round, once."""
    made = trainer(tmp_path)
    rollout: Rollout = made._rollout
    first = rollout.collect(Stopwatch())
    ends = made.experience.values[:, -1].clone()
    second = rollout.collect(Stopwatch())
    assert first.agent_steps == second.agent_steps == 512
    torch.testing.assert_close(made.experience.values[:, 0], ends)
    made.close()

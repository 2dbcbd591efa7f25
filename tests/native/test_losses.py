"""Losses beside PPO's: against slow references, by their gradients, and by what they are for."""

import dataclasses
from math import exp, log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from metta_puffer.config.loss_options import OPTIONS
from metta_puffer.config.plan import LossTermPlan
from metta_puffer.errors import UserError
from metta_puffer.native.losses.contrastive import future_in_episode
from metta_puffer.native.losses.grpo import discounted_returns
from metta_puffer.native.losses.gtd_lambda import td_lambda_residuals
from metta_puffer.native.losses.kickstarter import distillation_loss
from metta_puffer.native.losses.registry import LOSSES, LossTerms
from metta_puffer.native.losses.term import Context, Minibatch
from metta_puffer.native.trainer import NativeTrainer, train
from tests.native.toys import ListSink, RecallEnv, recall_env, toy_plan

ROWS, HORIZON, ACTIONS, WIDTH = 8, 6, 2, 5


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def context(**changes: Any) -> Context:
    plan = toy_plan("unused", batch__minibatch_segments=ROWS, **changes)
    return Context(plan, RecallEnv(8, 0), WIDTH, ACTIONS)


def loss_of(name: str, setting: Context | None = None, **options: Any) -> Any:
    return LOSSES[name](setting or context(), OPTIONS[name](**options))


def minibatch(seed: int = 0, **changes: Any) -> Minibatch:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    dones = (torch.rand(ROWS, HORIZON + 1, generator=generator) < 0.2).float()
    logits = normal(ROWS, HORIZON, ACTIONS)
    actions = torch.randint(0, ACTIONS, (ROWS, HORIZON), generator=generator)
    values: dict[str, Any] = {
        "observations": torch.full((ROWS, HORIZON, 4, 3), 255, dtype=torch.uint8),
        "actions": actions,
        "rewards": normal(ROWS, HORIZON + 1),
        "dones": dones,
        "resets": dones[:, :-1],
        "old_logprobs": normal(ROWS, HORIZON) * 0.1 - 0.7,
        "returns": normal(ROWS, HORIZON),
        "logits": logits,
        "logprobs": torch.log_softmax(logits, -1).gather(-1, actions[..., None]).squeeze(-1),
        "values": normal(ROWS, HORIZON),
        "hidden": normal(ROWS, HORIZON, WIDTH),
        "quantiles": normal(ROWS, HORIZON, 5),
        "advice": {},
        "generator": generator,
    }
    return Minibatch(**{**values, **changes})


def test_td_lambda_residuals_by_definition() -> None:
    batch = minibatch()
    result = td_lambda_residuals(batch.values, batch.rewards, batch.dones, 0.9, 0.8)
    assert result.shape == (ROWS, HORIZON - 1)
    for row in range(ROWS):
        for t in range(HORIZON - 1):
            total, decay = 0.0, 1.0
            for k in range(t, HORIZON - 1):
                alive = 1 - float(batch.dones[row, k + 1])
                total += decay * float(
                    batch.rewards[row, k + 1] + 0.9 * batch.values[row, k + 1] * alive - batch.values[row, k]
                )
                decay *= 0.9 * 0.8 * alive
            assert float(result[row, t]) == pytest.approx(total, abs=1e-5)


def test_gtd_lambda_term_by_term() -> None:
    loss, batch = loss_of("gtd_lambda", beta=0.5, aux_coef=2.0), minibatch()
    d = td_lambda_residuals(batch.values, batch.rewards, batch.dones, 0.9, 0.9)
    h = loss.head(batch.hidden).squeeze(-1)[:, :-1]
    weights = torch.cat([loss.head.weight.flatten(), loss.head.bias])
    expected = (h * d).mean() - ((d - h) * batch.values[:, :-1]).mean()
    expected = expected + 2.0 * (0.5 * (d - h).square().mean() + 0.5 * 0.5 * weights.square().mean())
    torch.testing.assert_close(loss(batch), expected)


def test_gtd_lambda_finds_the_values_of_a_chain() -> None:
    """Six moments, reward 1 at the end of each, an end after the last: values are 1, 1.9, 2.71, ... backwards."""
    setting = context(loss__gae_lambda=0.5)
    loss = loss_of("gtd_lambda", setting)
    values = nn.Parameter(torch.zeros(HORIZON))
    hidden = torch.eye(HORIZON, WIDTH).expand(ROWS, -1, -1)
    rewards, dones = torch.ones(ROWS, HORIZON + 1), torch.zeros(ROWS, HORIZON + 1)
    dones[:, HORIZON - 1] = 1
    optimizer = torch.optim.Adam([values, *loss.parameters()], 0.08)
    for _ in range(400):
        optimizer.zero_grad()
        loss(minibatch(values=values.expand(ROWS, -1), hidden=hidden, rewards=rewards, dones=dones)).backward()
        optimizer.step()
    expected = [sum(0.9**k for k in range(HORIZON - 1 - t)) for t in range(HORIZON - 1)]
    assert values[: HORIZON - 1].tolist() == pytest.approx(expected, abs=0.1)


def test_grpo_one_row_at_a_time() -> None:
    batch = minibatch()
    returns = []
    for row in range(ROWS):
        total, decay = 0.0, 1.0
        for t in range(1, HORIZON + 1):
            total += decay * float(batch.rewards[row, t])
            decay *= 0.9 * (1 - float(batch.dones[row, t]))
        returns.append(total)
    assert discounted_returns(batch.rewards, batch.dones, 0.9).tolist() == pytest.approx(returns, abs=1e-5)
    total = 0.0
    for row in range(ROWS):
        group = returns[row // 4 * 4 : row // 4 * 4 + 4]
        advantage = returns[row] - sum(group) / 4
        for t in range(HORIZON):
            ratio = exp(float(batch.logprobs[row, t] - batch.old_logprobs[row, t]))
            total -= min(ratio * advantage, min(max(ratio, 0.8), 1.2) * advantage)
    assert float(loss_of("grpo")(batch)) == pytest.approx(total / (ROWS * HORIZON), rel=1e-4)


def test_grpo_needs_whole_groups() -> None:
    with pytest.raises(UserError, match="group_size = 3"):
        loss_of("grpo", group_size=3)


def test_grpo_learns_without_a_critic(tmp_path: Path) -> None:
    """Episodes of one env-step: name the cue in sight. A random policy earns 0.5."""
    sink = ListSink()
    plan = toy_plan(
        tmp_path,
        env__game_options={"length": 1},
        loss__pg_coef=0.0,
        loss__vf_coef=0.0,
        loss__gamma=1.0,
        batch__bptt_horizon=8,
        batch__total_timesteps=512 * 40,
        losses=(LossTermPlan(name="grpo"),),
    )
    train(plan, sink, recall_env)
    assert 0.4 < sink.records[0].values["score"] < 0.6
    assert sum(record.values["score"] for record in sink.records[-3:]) / 3 > 0.95


def test_later_moments_stay_in_the_episode() -> None:
    resets = torch.tensor([[1.0, 0, 0, 1, 0, 0]])
    offsets = torch.tensor([[1, 9, 1, 1, 9, 1]])
    assert future_in_episode(resets, offsets).tolist() == [[1, 2, 2, 4, 5, 5]]


def test_contrastive_is_the_cross_entropy_of_telling_pairs_apart() -> None:
    loss = loss_of("contrastive", temperature=0.5, mean_offset=1.000001, size=3)  # always one moment later
    batch = minibatch(resets=torch.zeros(ROWS, HORIZON))
    result = float(loss(batch))
    anchors, positives = (
        normalize(loss.project(batch.hidden[:, part].flatten(0, 1)), dim=-1)
        for part in (slice(None, -1), slice(1, None))
    )
    similar = (anchors @ positives.T / 0.5).tolist()
    expected = sum(log(sum(exp(x) for x in row)) - row[i] for i, row in enumerate(similar)) / len(similar)
    assert result == pytest.approx(expected, rel=1e-4)


def test_contrastive_learns_to_tell_episodes_apart() -> None:
    """Hidden states are a mark of the row plus noise; telling rows apart brings the loss near log(pairs of a row)."""
    generator = torch.Generator().manual_seed(0)
    marks = torch.randn(ROWS, 1, WIDTH, generator=generator)
    loss = loss_of("contrastive", temperature=0.1)
    optimizer = torch.optim.Adam(loss.parameters(), 0.02)
    history = []
    for step in range(150):
        hidden = marks + 0.1 * torch.randn(ROWS, HORIZON, WIDTH, generator=generator)
        optimizer.zero_grad()
        value = loss(minibatch(step, hidden=hidden, resets=torch.zeros(ROWS, HORIZON)))
        value.backward()
        optimizer.step()
        history.append(float(value))
    chance, perfect = log(ROWS * (HORIZON - 1)), log(HORIZON - 1)
    assert perfect * 0.9 < history[-1] < perfect + 0.25 * (chance - perfect)


def test_contrastive_without_pairs_is_zero() -> None:
    assert float(loss_of("contrastive")(minibatch(resets=torch.ones(ROWS, HORIZON)))) == 0


def test_dynamics_one_moment_at_a_time() -> None:
    loss, batch = loss_of("dynamics", reward_coef=2.0), minibatch()
    rewards = returns = 0.0
    for row in range(ROWS):
        for t in range(HORIZON):
            hidden = batch.hidden[row, t]
            returns += float(loss.returns(hidden) - batch.returns[row, t]) ** 2
            if t < HORIZON - 1:
                rewards += float(loss.reward(hidden)[batch.actions[row, t]] - batch.rewards[row, t + 1]) ** 2
    expected = 2 * rewards / (ROWS * (HORIZON - 1)) + returns / (ROWS * HORIZON)
    assert float(loss(batch)) == pytest.approx(expected, rel=1e-4)


def test_stable_latent_one_pair_at_a_time() -> None:
    batch = minibatch()
    changes = [
        float((batch.hidden[row, t + 1] - batch.hidden[row, t]).square().mean())
        for row in range(ROWS)
        for t in range(HORIZON - 1)
        if batch.resets[row, t + 1] == 0
    ]
    assert float(loss_of("stable_latent")(batch)) == pytest.approx(sum(changes) / len(changes), rel=1e-5)


def test_distillation_by_hand() -> None:
    logits, teacher = torch.tensor([[0.0, log(9.0)]]), torch.tensor([[0.0, 0.0]])
    # At temperature 2 the student has odds 3 to 1, the teacher 1 to 1.
    expected = 4 * (0.25 * log(0.25 / 0.5) + 0.75 * log(0.75 / 0.5))
    assert float(distillation_loss(logits, teacher, 2.0)) == pytest.approx(expected, rel=1e-5)


GRADIENTS = {
    "grpo": ("logprobs",),
    "gtd_lambda": ("values",),
    "contrastive": ("hidden",),
    "dynamics": ("hidden",),
    "stable_latent": ("hidden",),
}


@pytest.mark.parametrize(("name", "moved"), [(name, one) for name, all_ in GRADIENTS.items() for one in all_])
def test_gradients_agree_with_finite_differences(name: str, moved: str) -> None:
    loss = loss_of(name).double()
    batch = minibatch()
    doubled = {
        field.name: value.double() if isinstance(value, Tensor) and value.is_floating_point() else value
        for field in dataclasses.fields(batch)
        for value in [getattr(batch, field.name)]
    }
    start = doubled.pop(moved).requires_grad_()

    def of(tensor: Tensor) -> Tensor:
        doubled["generator"] = torch.Generator().manual_seed(3)
        return loss(Minibatch(**{**doubled, moved: tensor}))

    if name == "gtd_lambda":  # its stopped gradients make it no gradient of one function; it must only be there
        of(start).backward()
        assert start.grad is not None and start.grad.abs().sum() > 0
    else:
        assert torch.autograd.gradcheck(of, start)


def test_a_student_follows_its_teacher(tmp_path: Path) -> None:
    """The teacher knows the game; the student is taught by it alone, and so learns it without looking at rewards."""
    train(
        toy_plan(tmp_path / "teacher", batch__total_timesteps=512 * 45, checkpoint_interval_epochs=20),
        ListSink(),
        recall_env,
    )
    sink = ListSink()
    plan = toy_plan(
        tmp_path / "student",
        seed=7,
        loss__pg_coef=0.0,
        loss__vf_coef=0.0,
        batch__total_timesteps=512 * 25,
        losses=(LossTermPlan(name="kickstarter", options={"teacher": str(tmp_path / "teacher")}),),
    )
    train(plan, sink, recall_env)
    assert sink.records[0].values["score"] < 2.5
    assert sum(record.values["score"] for record in sink.records[-3:]) / 3 > 3.6
    assert sink.records[-1].values["losses/kickstarter"] < 0.3 * sink.records[0].values["losses/kickstarter"]


def test_every_parameter_of_a_loss_is_trained_and_saved(tmp_path: Path) -> None:
    losses = tuple(LossTermPlan(name=name, coef=0.1) for name in ("contrastive", "dynamics", "gtd_lambda"))
    trainer = NativeTrainer(toy_plan(tmp_path, losses=losses), ListSink(), recall_env)
    before = {name: value.clone() for name, value in trainer.losses.state_dict().items()}
    assert len(before) == 8
    trainer.run(lambda: False)
    trainer.close()
    assert all(not torch.equal(before[name], value) for name, value in trainer.losses.state_dict().items())
    resumed = NativeTrainer(toy_plan(tmp_path, losses=losses), ListSink(), recall_env)
    resumed.close()
    for name, value in trainer.losses.state_dict().items():
        assert torch.equal(value, resumed.losses.state_dict()[name])


def test_a_loss_counts_only_in_its_stretch_of_the_run() -> None:
    terms = LossTerms(
        context(
            losses=(
                LossTermPlan(name="stable_latent", coef=3.0, begin_agent_steps=10, end_agent_steps=20),
                LossTermPlan(name="dynamics", begin_agent_steps=15),
            )
        )
    )
    batch = minibatch()

    def at(agent_steps: int) -> tuple[Tensor | None, dict[str, Tensor]]:
        terms.begin(0, agent_steps)
        return terms.weighted(batch)

    assert at(9) == (None, {})
    total, values = at(10)
    assert total is not None and float(total) == pytest.approx(3 * float(values["stable_latent"]))
    assert set(at(15)[1]) == {"stable_latent", "dynamics"}
    assert set(at(20)[1]) == {"dynamics"}


@pytest.mark.parametrize(
    ("term", "said"),
    [
        (LossTermPlan(name="grop"), "Did you mean 'grpo'"),
        (LossTermPlan(name="grpo", options={"groupsize": 2}), "Did you mean 'group_size'"),
        (LossTermPlan(name="kickstarter", options={"teacher": "nowhere"}), "nowhere: no complete checkpoint"),
    ],
)
def test_mistakes_are_refused(term: LossTermPlan, said: str) -> None:
    with pytest.raises(UserError, match=said):
        LossTerms(context(losses=(term,)))


def test_the_registry_is_complete() -> None:
    critics = ["gtd_lambda", "quantile_critic"]
    actors = ["grpo", "action_supervised", "kickstarter", "sl_kickstarter"]
    latents = ["contrastive", "dynamics", "stable_latent"]
    assert sorted(LOSSES) == sorted(OPTIONS) == sorted([*critics, *actors, *latents])

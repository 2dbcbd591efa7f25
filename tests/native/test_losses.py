"""Losses beside PPO's: against slow references, by their gradients, and by what they are for."""

from math import exp, log
from pathlib import Path

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
from metta_puffer.native.losses.registry import LOSSES, LossTerms
from metta_puffer.native.trainer import NativeTrainer, train
from tests.native.loss_inputs import HORIZON, ROWS, WIDTH, context, gradients_agree, in_double, loss_of, minibatch
from tests.native.toys import ListSink, recall_env, toy_plan


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


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
    loss = loss_of("gtd_lambda")
    values = nn.Parameter(torch.zeros(HORIZON))
    hidden = torch.eye(HORIZON, WIDTH).expand(ROWS, -1, -1)
    rewards, dones = torch.ones(ROWS, HORIZON + 1), torch.zeros(ROWS, HORIZON + 1)
    dones[:, HORIZON - 1] = 1
    optimizer = torch.optim.Adam([values, *loss.parameters()], 0.08)
    for _ in range(400):
        optimizer.zero_grad()
        row = minibatch(values=values.expand(ROWS, -1), hidden=hidden, rewards=rewards, dones=dones, gae_lambda=0.5)
        loss(row).backward()
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


def test_dynamics_puts_into_the_hidden_state_what_foretells_reward_and_return() -> None:
    """Of 20 numbers one foretells the return, two others the reward, each after one of the actions."""

    def errors_after(rounds: int) -> float:
        torch.manual_seed(0)
        loss, encode = loss_of("dynamics"), nn.Linear(20, WIDTH)
        optimizer = torch.optim.Adam([*loss.parameters(), *encode.parameters()], 0.02)
        for step in range(rounds + 1):
            seen = torch.randn(ROWS, HORIZON, 20, generator=torch.Generator().manual_seed(step))
            batch = minibatch(step, hidden=encode(seen), returns=seen[..., 0])
            batch.rewards[:, 1:] = torch.where(batch.actions == 0, seen[..., 1], seen[..., 2])
            value = loss(batch)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        return float(value)

    assert errors_after(0) > 1 and errors_after(400) < 0.05


def test_stable_latent_keeps_what_stays_within_an_episode() -> None:
    """One number is drawn for each episode, four anew each moment; a direction of unit length has to choose."""
    weights = nn.Parameter(torch.ones(5))
    optimizer = torch.optim.Adam([weights], 0.05)
    loss = loss_of("stable_latent")
    for step in range(100):
        generator = torch.Generator().manual_seed(step)
        resets = (torch.arange(HORIZON) % 3 == 0).float().expand(ROWS, -1)
        of_episode = torch.randn(ROWS, 2, generator=generator).repeat_interleave(3, dim=1)
        seen = torch.cat([of_episode[..., None], torch.randn(ROWS, HORIZON, 4, generator=generator)], -1)
        optimizer.zero_grad()
        loss(minibatch(hidden=seen @ normalize(weights, dim=0)[:, None], resets=resets)).backward()
        optimizer.step()
    assert abs(float(normalize(weights, dim=0)[0])) > 0.99


def test_stable_latent_one_pair_at_a_time() -> None:
    batch = minibatch()
    changes = [
        float((batch.hidden[row, t + 1] - batch.hidden[row, t]).square().mean())
        for row in range(ROWS)
        for t in range(HORIZON - 1)
        if batch.resets[row, t + 1] == 0
    ]
    assert float(loss_of("stable_latent")(batch)) == pytest.approx(sum(changes) / len(changes), rel=1e-5)


GRADIENTS = {"grpo": "logprobs", "contrastive": "hidden", "dynamics": "hidden", "stable_latent": "hidden"}


@pytest.mark.parametrize(("name", "moved"), GRADIENTS.items())
def test_gradients_agree_with_finite_differences(name: str, moved: str) -> None:
    assert gradients_agree(loss_of(name).double(), minibatch(), moved)


def test_gradients_of_gtd_lambda_stop_where_they_should() -> None:
    """What is held still in the loss is a number in a loss of our own, whose gradient then is the same."""
    loss, batch = loss_of("gtd_lambda", beta=0.5, aux_coef=2.0).double(), in_double(minibatch())
    values, hidden = batch.values.requires_grad_(), batch.hidden.requires_grad_()
    loss(batch).backward()

    def residuals() -> Tensor:
        return td_lambda_residuals(values, batch.rewards, batch.dones, 0.9, 0.9)

    held_d = residuals().detach()
    h = loss.head(hidden.detach()).squeeze(-1)[:, :-1]
    held_h = h.detach()
    own = (held_h * residuals()).mean() - ((held_d - held_h) * values[:, :-1]).mean()
    weights = torch.cat([loss.head.weight.flatten(), loss.head.bias])
    own = own + (held_d - h).square().mean() + 0.5 * weights.square().mean()
    expected = torch.autograd.grad(own, [values, loss.head.weight, loss.head.bias])
    for found, wanted in zip((values, loss.head.weight, loss.head.bias), expected, strict=True):
        torch.testing.assert_close(found.grad, wanted)
    assert hidden.grad is None  # the head shapes no hidden state


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
    losses = (
        LossTermPlan(name="stable_latent", coef=3.0, begin_agent_steps=10, end_agent_steps=20),
        LossTermPlan(name="dynamics", begin_agent_steps=15),
    )
    terms = LossTerms(context(losses=losses))
    batch = minibatch()

    def at(agent_steps: int) -> tuple[Tensor | None, dict[str, Tensor]]:
        terms.begin(0, agent_steps, losses)
        return terms.weighted(batch)

    assert at(9) == (None, {})
    total, values = at(10)
    assert total is not None and float(total) == pytest.approx(3 * float(values["stable_latent"]))
    assert set(at(15)[1]) == {"stable_latent", "dynamics"}
    assert set(at(20)[1]) == {"dynamics"}


def test_the_registry_is_complete() -> None:
    critics = ["gtd_lambda", "quantile_critic"]
    actors = ["grpo", "action_supervised", "kickstarter", "sl_kickstarter"]
    latents = ["contrastive", "dynamics", "stable_latent"]
    assert sorted(LOSSES) == sorted(OPTIONS) == sorted([*critics, *actors, *latents])


@pytest.mark.long
@pytest.mark.timeout(900)
def test_losses_see_into_a_compiled_policy(tmp_path: Path) -> None:
    """What the heads read and the critic gave is remembered within the graph, as without one."""
    torch._dynamo.reset()
    options = {"hidden_size": 8, "conv_channels": 1, "value_quantiles": 3}
    losses = tuple(LossTermPlan(name=name) for name in ("stable_latent", "quantile_critic"))
    found = []
    for compiled in (False, True):
        sink = ListSink()
        folder = tmp_path / str(compiled)
        plan = toy_plan(folder, compile=compiled, policy__options=options, losses=losses, batch__total_timesteps=512)
        train(plan, sink, recall_env)
        found.append([sink.records[0].values[f"losses/{loss.name}"] for loss in losses])
    assert found[1] == pytest.approx(found[0], rel=1e-3)

"""The quantile critic: against a slow reference, by its gradients, and by the quantiles that it finds."""

from pathlib import Path

import pytest
import torch
from torch import nn

from metta_puffer.config.plan import LossTermPlan
from metta_puffer.errors import UserError
from metta_puffer.native.losses.quantile_critic import quantile_huber_loss
from metta_puffer.native.trainer import NativeTrainer, train
from tests.native.loss_inputs import HORIZON, ROWS, context, gradients_agree, loss_of, minibatch
from tests.native.toys import ListSink, recall_env, toy_plan

FIVE = {"value_quantiles": 5}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.mark.parametrize("kappa", [0.0, 0.4, 1.0])
def test_one_quantile_at_a_time(kappa: float) -> None:
    batch = minibatch()
    total = 0.0
    for row in range(ROWS):
        for t in range(HORIZON):
            for i in range(5):
                error = float(batch.returns[row, t] - batch.quantiles[row, t, i])
                size = abs(error)
                if kappa:
                    size = error**2 / 2 / kappa if size <= kappa else size - kappa / 2
                tau = (2 * i + 1) / 10
                total += size * (tau if error >= 0 else 1 - tau)
    loss = loss_of("quantile_critic", context(policy__options=FIVE), kappa=kappa)
    assert float(loss(batch)) == pytest.approx(total / (ROWS * HORIZON), rel=1e-5)


@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_gradients_agree_with_finite_differences(kappa: float) -> None:
    loss = loss_of("quantile_critic", context(policy__options=FIVE), kappa=kappa)
    assert gradients_agree(loss, minibatch(), "quantiles")


def test_the_quantiles_of_a_skewed_distribution_are_found() -> None:
    """Returns are exponentially distributed: the quantile of tau is -log(1 - tau), and their mean is below 1."""
    returns = torch.distributions.Exponential(1.0).sample((4000,))
    quantiles = nn.Parameter(torch.zeros(5))
    optimizer = torch.optim.Adam([quantiles], 0.05)
    for _ in range(400):
        optimizer.zero_grad()
        quantile_huber_loss(quantiles.expand(4000, -1), returns, 0.0).backward()
        optimizer.step()
    expected = -(1 - (torch.arange(5) + 0.5) / 5).log()
    torch.testing.assert_close(quantiles.detach(), expected, rtol=0, atol=0.1)


def test_it_is_the_critic_of_a_run(tmp_path: Path) -> None:
    """In the place of PPO's value loss; values and advantages go on from the mean of the quantiles."""
    sink = ListSink()
    plan = toy_plan(
        tmp_path,
        loss__vf_coef=0.0,
        policy__options={"hidden_size": 16, "conv_channels": 1, "value_quantiles": 8},
        losses=(LossTermPlan(name="quantile_critic", coef=0.5),),
        batch__total_timesteps=512 * 40,
    )
    train(plan, sink, recall_env)
    assert sum(record.values["score"] for record in sink.records[-3:]) / 3 > 3.8
    assert sink.records[0].values["losses/explained_variance"] < 0.3
    assert sum(record.values["losses/explained_variance"] for record in sink.records[-3:]) / 3 > 0.5
    trainer = NativeTrainer(plan, ListSink(), recall_env)  # from its checkpoint
    trainer.close()
    assert trainer.policy.get_parameter("critic.weight").shape == (8, 16)


def test_a_critic_of_one_value_is_refused() -> None:
    with pytest.raises(UserError, match=r"policy.value_quantiles = 1: .*several outputs"):
        loss_of("quantile_critic")

"""PPO's losses against loops over single agent-steps, and their gradients against finite differences."""

from math import exp, log

import pytest
import torch

from metta_puffer.native.distribution import evaluate, sample
from metta_puffer.native.losses.ppo_actor import clipped_policy_loss, normalized
from metta_puffer.native.losses.ppo_critic import value_loss


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_policy_loss_one_step_at_a_time() -> None:
    ratios, advantages = random(4, 5).exp(), random(4, 5, seed=1)
    total = 0.0
    for r, a in zip(ratios.flatten().tolist(), advantages.flatten().tolist(), strict=True):
        total += -min(r * a, min(max(r, 0.8), 1.2) * a)
    assert float(clipped_policy_loss(ratios, advantages, 0.2)) == pytest.approx(total / 20, rel=1e-12)


def test_policy_loss_has_no_gradient_where_it_is_clipped() -> None:
    ratios = torch.tensor([1.5, 0.5, 1.5, 0.5], requires_grad=True)
    advantages = torch.tensor([1.0, 1.0, -1.0, -1.0])
    clipped_policy_loss(ratios, advantages, 0.2).backward()
    # Moving further the good way is not rewarded; coming back always is.
    assert ratios.grad is not None and ratios.grad.tolist() == [0.0, -0.25, 0.25, 0.0]


@pytest.mark.parametrize("clip", [None, 0.3])
def test_value_loss_one_step_at_a_time(clip: float | None) -> None:
    values, old, returns = (random(3, 4, seed=seed) for seed in range(3))
    total = 0.0
    for v, o, r in zip(values.flatten().tolist(), old.flatten().tolist(), returns.flatten().tolist(), strict=True):
        error = (v - r) ** 2
        if clip is not None:
            error = max(error, (o + max(-clip, min(clip, v - o)) - r) ** 2)
        total += 0.5 * error
    assert float(value_loss(values, old, returns, clip)) == pytest.approx(total / 12, rel=1e-12)


def test_gradients_agree_with_finite_differences() -> None:
    ratios, values = random(3, 3).exp().requires_grad_(), random(3, 3, seed=1).requires_grad_()
    advantages, old, returns = (random(3, 3, seed=seed) for seed in (2, 3, 4))
    assert torch.autograd.gradcheck(lambda r: clipped_policy_loss(r, advantages, 0.2), ratios)
    assert torch.autograd.gradcheck(lambda v: value_loss(v, old, returns, 0.3), values)


def test_normalized_has_mean_zero_and_unbiased_deviation_one() -> None:
    result = normalized(random(6, 7) * 5 + 3)
    assert float(result.mean()) == pytest.approx(0, abs=1e-9) and float(result.std()) == pytest.approx(1, rel=1e-6)


def test_distribution_by_hand() -> None:
    logits = torch.tensor([[0.0, log(3.0)]])
    logprob, entropy = evaluate(logits, torch.tensor([1]))
    assert float(logprob) == pytest.approx(log(0.75)) and float(entropy) == pytest.approx(
        -0.75 * log(0.75) - 0.25 * log(0.25)
    )


def test_samples_follow_the_distribution() -> None:
    logits = torch.tensor([[0.0, log(3.0)]]).expand(20_000, 2)
    actions, logprobs = sample(logits, torch.Generator().manual_seed(0))
    # 0.75 within five standard errors of a Bernoulli mean.
    assert float(actions.float().mean()) == pytest.approx(0.75, abs=5 * (0.75 * 0.25 / 20_000) ** 0.5)
    assert float(logprobs[actions == 1][0].exp()) == pytest.approx(exp(log(0.75)))

"""The compiled kernel and the torch path against the textbook sum."""

import pytest
import torch
from torch import Tensor

from metta_puffer.config.plan import LossPlan
from metta_puffer.native import advantage
from tests.native.toys import toy_plan

LOSS = toy_plan("unused").loss.model_copy(update={"vtrace_rho_clip": 0.9, "vtrace_c_clip": 0.7})


def by_definition(values: Tensor, rewards: Tensor, dones: Tensor, ratios: Tensor, loss: LossPlan) -> Tensor:
    """Sum over the future of products of decays times temporal differences; no recursion, float64."""
    v, r, d, w = (tensor.double() for tensor in (values, rewards, dones, ratios))
    rows, columns = v.shape
    result = torch.zeros_like(v)
    for row in range(rows):
        for t in range(columns - 1):
            decay = 1.0
            for k in range(t, columns - 1):
                alive = 1 - d[row, k + 1]
                delta = min(w[row, k], loss.vtrace_rho_clip) * (
                    r[row, k + 1] + loss.gamma * v[row, k + 1] * alive - v[row, k]
                )
                result[row, t] += decay * delta
                # The weight of the next difference: the trace is cut by c at k and by an episode's end.
                decay = decay * loss.gamma * loss.gae_lambda * min(w[row, k], loss.vtrace_c_clip) * alive
    return result


def inputs(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values, rewards = (torch.randn(5, 9, generator=generator) for _ in range(2))
    dones = (torch.rand(5, 9, generator=generator) < 0.2).float()
    return values, rewards, dones, torch.rand(5, 9, generator=generator) * 2


def test_kernel_agrees_with_the_definition() -> None:
    arguments = inputs()
    expected = by_definition(*arguments, LOSS)
    torch.testing.assert_close(advantage.compute_advantages(*arguments, LOSS).double(), expected, rtol=1e-5, atol=1e-5)


def test_torch_path_agrees_with_the_kernel() -> None:
    arguments = inputs(1)
    kernel = advantage.compute_advantages(*arguments, LOSS)
    torch.testing.assert_close(advantage.vectorized(*arguments, LOSS), kernel, rtol=1e-5, atol=1e-6)


def test_inputs_need_not_be_contiguous() -> None:
    arguments = inputs(2)
    whole = advantage.compute_advantages(*(tensor[:, :6].clone() for tensor in arguments), LOSS)
    torch.testing.assert_close(advantage.compute_advantages(*(tensor[:, :6] for tensor in arguments), LOSS), whole)


@pytest.mark.parametrize("gae_lambda", [0.0, 0.5, 1.0])
def test_one_reward_at_the_end_by_hand(gae_lambda: float) -> None:
    """Values 0, ratios 1, reward 1 for the last action: its advantage reaches back as (gamma lambda)^distance."""
    loss = LOSS.model_copy(update={"gae_lambda": gae_lambda, "vtrace_rho_clip": 1.0, "vtrace_c_clip": 1.0})
    rewards = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    zeros = torch.zeros(1, 4)
    expected = [[(0.9 * gae_lambda) ** 2, 0.9 * gae_lambda, 1.0, 0.0]]
    result = advantage.compute_advantages(zeros, rewards, zeros, torch.ones(1, 4), loss)
    torch.testing.assert_close(result, torch.tensor(expected))

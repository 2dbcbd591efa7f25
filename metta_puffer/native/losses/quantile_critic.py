"""A critic of the return's distribution by quantile regression (Dabney et al. 2018, "QR-DQN")."""

import torch
from torch import Tensor

from metta_puffer.config.loss_options import QuantileCriticOptions
from metta_puffer.errors import UserError
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch


def quantile_huber_loss(quantiles: Tensor, targets: Tensor, kappa: float) -> Tensor:
    """Sum over the N quantiles of |tau_i - 1{u_i < 0}| L(u_i), mean over the rest. Scalar.

    quantiles [..., N] in the order of tau_i = (2i + 1) / 2N; targets [...]; u_i = target - quantile i. L is Huber's
    loss over kappa: u^2 / 2 kappa up to kappa, then |u| - kappa / 2; with kappa 0 it is |u| (equation 10).
    """
    count = quantiles.shape[-1]
    tau = (torch.arange(count, device=quantiles.device, dtype=quantiles.dtype) + 0.5) / count
    errors = targets[..., None] - quantiles
    size = errors.abs()
    if kappa:
        size = torch.where(size <= kappa, 0.5 * errors.square() / kappa, size - 0.5 * kappa)
    return ((tau - (errors.detach() < 0).to(tau.dtype)).abs() * size).sum(-1).mean()


class QuantileCritic(LossTerm):
    """Quantile regression of the critic's outputs onto the returns.

    The policy's critic must give several (`policy.value_quantiles`); their mean is the value from which rollout and
    advantages go on. Returns are lambda-returns, so with lambda below 1 it is their distribution that is learned.
    Meant to replace PPO's value loss (`ppo.vf_coef: 0`).
    """

    def __init__(self, context: Context, options: QuantileCriticOptions) -> None:
        super().__init__()
        self._kappa = options.kappa
        quantiles = context.plan.policy.options.get("value_quantiles", 1)
        if quantiles < 2:
            raise UserError(
                "the quantile critic needs a critic with several outputs",
                key="policy.value_quantiles",
                value=quantiles,
                remedy="set policy.value_quantiles, for instance to 16",
            )

    def forward(self, batch: Minibatch) -> Tensor:
        return quantile_huber_loss(batch.quantiles, batch.returns, self._kappa)

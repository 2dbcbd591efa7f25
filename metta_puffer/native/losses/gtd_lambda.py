"""Gradient TD(lambda) critic with an auxiliary head (after Maei 2011; TDRC: Ghiassian et al. 2020)."""

import torch
from torch import Tensor, nn

from metta_puffer.config.loss_options import GtdLambdaOptions
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch


def td_lambda_residuals(values: Tensor, rewards: Tensor, dones: Tensor, gamma: float, gae_lambda: float) -> Tensor:
    """Sum over the future of (gamma lambda)^k times the TD error: [m, T-1], with the gradient of every value in it."""
    continues = 1.0 - dones[:, 1:-1]
    delta = rewards[:, 1:-1] + gamma * values[:, 1:] * continues - values[:, :-1]
    carried = torch.zeros_like(values[:, 0])
    residuals = []
    for t in range(delta.shape[1] - 1, -1, -1):
        carried = delta[:, t] + gamma * gae_lambda * continues[:, t] * carried
        residuals.append(carried)
    return torch.stack(residuals[::-1], dim=1)


class GtdLambda(LossTerm):
    """mean(sg(h) d) - mean((sg(d) - sg(h)) v) + aux_coef (0.5 mean((sg(d) - h)^2) + 0.5 beta mean(weights of h ^2)).

    d is the TD(lambda) residual of the present values, h the head's estimate of it, sg a stopped gradient. Meant to
    replace PPO's value loss (`ppo.vf_coef: 0`).
    """

    def __init__(self, context: Context, options: GtdLambdaOptions) -> None:
        super().__init__()
        self.head = nn.Linear(context.width, 1)
        self._beta, self._aux_coef = options.beta, options.aux_coef

    def forward(self, batch: Minibatch) -> Tensor:
        d = td_lambda_residuals(batch.values, batch.rewards, batch.dones, batch.gamma, batch.gae_lambda)
        # The head learns from the policy's hidden state without shaping it.
        h = self.head(batch.hidden.detach()).squeeze(-1)[:, :-1]
        v = batch.values[:, :-1]
        critic = (h.detach() * d).mean() - ((d.detach() - h.detach()) * v).mean()
        weights = torch.cat([parameter.flatten() for parameter in self.head.parameters()])
        aux = 0.5 * (d.detach() - h).square().mean() + 0.5 * self._beta * weights.square().mean()
        return critic + self._aux_coef * aux

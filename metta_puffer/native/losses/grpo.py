"""Group-relative policy optimization (Shao et al. 2024): returns compared within a group, no critic."""

import torch
from torch import Tensor

from metta_puffer.config.loss_options import KEY, GrpoOptions
from metta_puffer.errors import UserError
from metta_puffer.native.losses.ppo_actor import clipped_policy_loss
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch


def discounted_returns(rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    """Return of each row's first action within its first episode: [m] from rewards and dones [m, T+1]."""
    carried = torch.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 1, 0, -1):
        carried = rewards[:, t] + gamma * (1.0 - dones[:, t]) * carried
    return carried


class Grpo(LossTerm):
    """PPO's clipped loss with the row's return minus the mean of `group_size` neighbouring rows as advantage.

    Meant to replace PPO's losses (`ppo.pg_coef: 0`, `ppo.vf_coef: 0`).
    """

    def __init__(self, context: Context, options: GrpoOptions) -> None:
        super().__init__()
        rows = context.plan.batch.minibatch_segments
        if rows % options.group_size:
            raise UserError(
                f"{rows} rows of a minibatch are no whole number of groups",
                key=f"{KEY} grpo.group_size",
                value=options.group_size,
                remedy="choose a divisor of the rows of a minibatch",
            )
        self._group_size, self._clip_coef = options.group_size, options.clip_coef

    def forward(self, batch: Minibatch) -> Tensor:
        returns = discounted_returns(batch.rewards, batch.dones, batch.gamma).view(-1, self._group_size)
        advantages = (returns - returns.mean(1, keepdim=True)).view(-1, 1).expand_as(batch.logprobs)
        ratios = (batch.logprobs - batch.old_logprobs).exp()
        return clipped_policy_loss(ratios, advantages, self._clip_coef)

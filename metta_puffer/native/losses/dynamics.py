"""Predicting the next reward and the return from the hidden state."""

from torch import Tensor, nn

from metta_puffer.config.loss_options import DynamicsOptions
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch


class Dynamics(LossTerm):
    """Mean squared errors of two linear heads: reward of the action about to be taken, and return from here on."""

    def __init__(self, context: Context, options: DynamicsOptions) -> None:
        super().__init__()
        # The reward depends on what is done, so the action is shown to the head.
        self.reward = nn.Linear(context.width, context.num_actions)
        self.returns = nn.Linear(context.width, 1)
        self._reward_coef, self._return_coef = options.reward_coef, options.return_coef

    def forward(self, batch: Minibatch) -> Tensor:
        # The row's last reward may lie in the next rollout, so the last moment predicts none.
        predicted = self.reward(batch.hidden).gather(-1, batch.actions[..., None]).squeeze(-1)[:, :-1]
        reward_error = (predicted - batch.rewards[:, 1:-1]).square().mean()
        return_error = (self.returns(batch.hidden).squeeze(-1) - batch.returns).square().mean()
        return self._reward_coef * reward_error + self._return_coef * return_error

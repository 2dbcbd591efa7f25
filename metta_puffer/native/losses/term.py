"""What a loss beyond PPO's own is: a module that turns a minibatch into a scalar."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from metta_puffer.config.plan import RunPlan


@dataclass(frozen=True)
class Minibatch:
    """m rows of T agent-steps. Tensors marked * carry the policy's gradient; others are data.

    Reward and done at column t belong to the action of column t-1; both have one column more than the actions.
    """

    observations: Tensor  # [m, T, *observation shape]
    actions: Tensor  # int64 [m, T]
    rewards: Tensor  # [m, T+1]
    dones: Tensor  # [m, T+1]
    resets: Tensor  # [m, T], 1 where an episode begins
    old_logprobs: Tensor  # [m, T]
    returns: Tensor  # [m, T]
    logits: Tensor  # * [m, T, actions]
    logprobs: Tensor  # * [m, T]
    values: Tensor  # * [m, T]
    hidden: Tensor  # * [m, T, width], what the policy's heads read
    generator: torch.Generator
    epoch: int


@dataclass(frozen=True)
class Context:
    """What a loss may build itself from."""

    plan: RunPlan
    driver_env: Any
    width: int  # of `Minibatch.hidden`
    num_actions: int


class LossTerm(nn.Module, ABC):
    """Modules that a subclass makes in its constructor are trained along with the policy and saved with it."""

    @abstractmethod
    def forward(self, batch: Minibatch) -> Tensor:
        """The loss, a scalar."""

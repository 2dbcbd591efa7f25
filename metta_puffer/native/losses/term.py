"""What a loss beyond PPO's own is: a module that turns a minibatch into a scalar."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
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
    quantiles: Tensor  # * [m, T, quantiles], what the critic gave; `values` is their mean
    hidden: Tensor  # * [m, T, width], what the policy's heads read
    advice: Mapping[str, Tensor]  # [m, T, ...], what the loss itself stored in the rollout
    generator: torch.Generator
    gamma: float  # what the plan says now: schedules may change it
    gae_lambda: float


@dataclass(frozen=True)
class Moment:
    """What a group of n agents is about to act upon, in the rollout."""

    group: int
    observations: Tensor  # [n, *observation shape]
    begins: Tensor  # [n], 1 where an episode begins
    teacher_actions: Tensor | None  # int64 [n], from the environment; below 0 where it recommends none


@dataclass(frozen=True)
class Context:
    """What a loss may build itself from."""

    plan: RunPlan
    driver_env: Any
    width: int  # of `Minibatch.hidden`
    num_actions: int


class LossTerm(nn.Module, ABC):
    """Modules that a subclass makes in its constructor are trained along with the policy and saved with it.

    A constructor takes the context and the loss's options (`metta_puffer.config.loss_options`).
    """

    @abstractmethod
    def forward(self, batch: Minibatch) -> Tensor:
        """The loss, a scalar."""

    def begin(self, epoch: int) -> None:
        """Called before the rollout of each epoch in which the loss counts."""

    @property
    def advice(self) -> dict[str, Tensor]:
        """What `advise` gives for each agent-step: by name a tensor of one agent-step's shape and dtype."""
        return {}

    def advise(self, moment: Moment) -> dict[str, Tensor]:
        """Called in the rollout for every moment: what is to be stored of it, [n, ...]."""
        return {}

    def lead(self, advice: Mapping[str, Tensor], actions: Tensor, generator: torch.Generator) -> Tensor:
        """The actions to be taken, int64 [n], where the policy chose `actions`; the same object to leave them."""
        return actions

    def rollout_state(self) -> dict[str, Tensor]:
        """What the next `advise` needs to know of the ones before it; part of a checkpoint."""
        return {}

    def restore_rollout_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Undoes `rollout_state`."""

"""What every recurrent cell is, and which moments of a sequence belong to one episode."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]


class Cell(nn.Module, ABC):
    """x [rows, T, width], state, resets [rows, T] or None -> y [rows, T, width], state after the last moment.

    A state is one tensor [rows, *shape] for each of `state_shapes`; zeros mean that nothing was seen. Where
    `resets[:, t]` is not 0 nothing before moment t reaches y[:, t:] or the new state. T = 1 is a step of a rollout;
    the sequence gives what that many steps would.
    """

    state_shapes: tuple[tuple[int, ...], ...]

    @abstractmethod
    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]: ...

    def __call__(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        result: tuple[Tensor, State] = super().__call__(x, state, resets)
        return result


def episode_index(resets: Tensor | None, rows: int, horizon: int, device: torch.device) -> Tensor:
    """int64 [rows, T]: how many resets came up to each moment; 0 is the episode that the incoming state belongs to."""
    if resets is None:
        return torch.zeros(rows, horizon, dtype=torch.int64, device=device)
    return (resets != 0).long().cumsum(1)


def decay_sums(log_decay: Tensor, episode: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of log decay over stretches of time, -inf where a reset lies between.

    log_decay [rows, T, heads], episode int64 [rows, T] -> between [rows, heads, T, T], the sum over s+1..t at [t, s]
    (-inf for s > t), and before [rows, heads, T], the sum over 0..t, from the incoming state on.

    Each stretch is summed by itself: differences of one running sum would lose digits, and let what was before a
    reset change the last of them.
    """
    horizon = log_decay.shape[1]
    step = log_decay.transpose(1, 2)
    after = torch.ones(horizon, horizon, dtype=torch.bool, device=step.device).tril(-1)
    between = step[..., :, None].expand(*step.shape, horizon).masked_fill(~after, 0.0).cumsum(-2)
    linked = (episode[:, :, None] == episode[:, None, :]) & (after | torch.eye(horizon, device=step.device).bool())
    between = between.masked_fill(~linked[:, None], float("-inf"))
    before = step.cumsum(-1).masked_fill((episode != 0)[:, None], float("-inf"))
    return between, before

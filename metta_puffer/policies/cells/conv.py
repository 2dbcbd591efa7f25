"""Causal convolution over time, one filter a channel."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.cells.base import Cell, State, episode_index


class CausalConv(Cell):
    """y_t = bias + sum over k of weight_k * x_{t-k}, k = 0..taps-1, for each channel by itself.

    State: the last taps - 1 inputs [taps - 1, width]. Parameters: (taps + 1) * width.
    """

    def __init__(self, width: int, taps: int = 4) -> None:
        super().__init__()
        self.taps = taps
        self.state_shapes = ((taps - 1, width),)
        self.weight = nn.Parameter(torch.empty(taps, width).uniform_(-1, 1) / taps**0.5)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        rows, horizon, _ = x.shape
        episode = episode_index(resets, rows, horizon, x.device)
        inputs = torch.cat([state[0].to(x.dtype), x], dim=1)
        of_input = torch.cat([episode.new_zeros(rows, self.taps - 1), episode], dim=1)
        y = self.bias.expand_as(x)
        for tap in range(self.taps):
            same = of_input[:, tap : tap + horizon] == episode
            y = y + self.weight[tap] * inputs[:, tap : tap + horizon] * same[..., None]
        kept = of_input[:, horizon:] == episode[:, -1:]
        return y, (inputs[:, horizon:] * kept[..., None],)


class ConvCell(Cell):
    """Causal convolution, then GELU and a linear layer that mixes the channels.

    State: as CausalConv. Parameters: (taps + 1) * width + width * (width + 1).
    """

    def __init__(self, width: int, taps: int = 4) -> None:
        super().__init__()
        self.conv = CausalConv(width, taps)
        self.mix = nn.Linear(width, width)
        self.state_shapes = self.conv.state_shapes

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        y, state = self.conv(x, state, resets)
        return self.mix(nn.functional.gelu(y)), state

"""`small`: a CNN-LSTM cheap enough to learn the arena on one CPU core."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.actor_critic import ActorCritic, conv, linear
from metta_puffer.policies.tokens import TokenChannels, TokenGrid


class SmallPolicy(ActorCritic):
    """Grid -> conv 5x5/3; joined with the agent's own cell and the global tokens -> fc -> LSTM.

    With the defaults and C = 30 grid and 20 global channels about 58 k parameters: 12 k convolution, 12 k fc,
    33 k LSTM (64 -> 64).
    """

    def __init__(
        self,
        channels: TokenChannels,
        height: int,
        width: int,
        num_actions: int,
        *,
        recurrent: bool = True,
        hidden_size: int = 64,
        conv_channels: int = 16,
    ) -> None:
        super().__init__(hidden_size, num_actions, recurrent=recurrent)
        self.grid = TokenGrid(channels, height, width)
        self.centre = height // 2, width // 2
        self.convolution = nn.Sequential(
            conv(self.grid.num_channels, conv_channels, 5, stride=3), nn.ReLU(), nn.Flatten()
        )
        after = ((height - 5) // 3 + 1) * ((width - 5) // 3 + 1)
        own = self.grid.num_channels + self.grid.num_globals
        self.joined = nn.Sequential(linear(conv_channels * after + own, hidden_size), nn.ReLU())

    def encode(self, tokens: Tensor) -> Tensor:
        grid, globals_ = self.grid(tokens)
        row, column = self.centre
        return self.joined(torch.cat([self.convolution(grid), grid[:, :, row, column], globals_], dim=1))

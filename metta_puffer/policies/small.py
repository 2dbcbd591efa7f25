"""`small`: a CNN-LSTM cheap enough to learn the arena on one CPU core."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.actor_critic import ActorCritic, conv, linear
from metta_puffer.policies.centred_grid import CentredGrid
from metta_puffer.policies.tokens import TokenChannels


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
        self.grid = CentredGrid(channels, height, width)
        self.convolution = nn.Sequential(
            conv(self.grid.num_channels, conv_channels, 5, stride=3), nn.ReLU(), nn.Flatten()
        )
        inputs = conv_channels * self.grid.cells_after((5, 3)) + self.grid.own_size
        self.joined = nn.Sequential(linear(inputs, hidden_size), nn.ReLU())

    def encode(self, tokens: Tensor) -> Tensor:
        grid, own = self.grid(tokens)
        return self.joined(torch.cat([self.convolution(grid), own], dim=1))

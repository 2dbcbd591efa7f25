"""`fast`: the CNN-LSTM at full size."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.actor_critic import ActorCritic, conv, linear
from metta_puffer.policies.centred_grid import CentredGrid
from metta_puffer.policies.tokens import TokenChannels


class FastPolicy(ActorCritic):
    """Grid -> conv 5x5/3 -> conv 3x3 -> fc; the agent's own cell and the global tokens -> fc; both -> LSTM.

    On an 11x11 window the grid shrinks to 3x3 and then to 1x1. With the defaults and C = 30 grid and 20 global
    channels about 2.4 M parameters: 244 k convolutions, 33 k + 13 k fc, 2.1 M LSTM (512 -> 512).
    """

    def __init__(
        self,
        channels: TokenChannels,
        height: int,
        width: int,
        num_actions: int,
        *,
        recurrent: bool = True,
        hidden_size: int = 512,
        conv_channels: int = 128,
    ) -> None:
        super().__init__(hidden_size, num_actions, recurrent=recurrent)
        self.grid = CentredGrid(channels, height, width)
        half = hidden_size // 2
        self.convolution = nn.Sequential(
            conv(self.grid.num_channels, conv_channels, 5, stride=3),
            nn.ReLU(),
            conv(conv_channels, conv_channels, 3),
            nn.ReLU(),
            nn.Flatten(),
        )
        after = self.grid.cells_after((5, 3), (3, 1))
        self.around = nn.Sequential(linear(conv_channels * after, half), nn.ReLU())
        self.itself = nn.Sequential(linear(self.grid.own_size, hidden_size - half), nn.ReLU())

    def encode(self, tokens: Tensor) -> Tensor:
        grid, own = self.grid(tokens)
        return torch.cat([self.around(self.convolution(grid)), self.itself(own)], dim=1)

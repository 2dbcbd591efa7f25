"""The feature grid, and what a policy with convolutions reads beside it."""

import torch
from torch import Tensor

from metta_puffer.policies.tokens import TokenChannels, TokenGrid


class CentredGrid(TokenGrid):
    """uint8 tokens [n, tokens, 3] -> (grid [n, C, height, width], own [n, own_size]).

    `own` is the cell in the middle of the window, where the agent stands, and the global tokens; own_size = C + G.
    """

    def __init__(self, channels: TokenChannels, height: int, width: int) -> None:
        super().__init__(channels, height, width)
        self.own_size = self.num_channels + self.num_globals

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        grid, globals_ = super().forward(tokens)
        return grid, torch.cat([grid[:, :, self.height // 2, self.width // 2], globals_], dim=1)

    def cells_after(self, *convolutions: tuple[int, int]) -> int:
        """Cells that are left of the window after convolutions of (kernel, stride), one after the other."""
        height, width = self.height, self.width
        for kernel, stride in convolutions:
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
        return height * width

"""Attention over the last inputs, kept in a memory (Transformer-XL)."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.cells.base import Cell, State, episode_index


class MemoryAttentionCell(Cell):
    """Dai et al. 2019, "Transformer-XL": attention over the present input and those of the `memory` moments before.

    Positions are relative: one learned bias a head and age. State: the inputs [memory, width], oldest first, and
    which of them hold one [memory] (1 or 0). Parameters: 4 * width * width + width + heads * (memory + 1).
    """

    def __init__(self, width: int, heads: int = 4, memory: int = 16) -> None:
        super().__init__()
        self.heads, self.memory = heads, memory
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.bias_of_age = nn.Parameter(torch.zeros(heads, memory + 1))
        self.state_shapes = ((memory, width), (memory,))

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        rows, horizon, width = x.shape
        episode = episode_index(resets, rows, horizon, x.device)
        inputs = torch.cat([state[0].to(x.dtype), x], dim=1)
        of_input = torch.cat([episode.new_zeros(rows, self.memory), episode], dim=1)
        filled = torch.cat([state[1] > 0.5, torch.ones_like(episode, dtype=torch.bool)], dim=1)

        q = self.query(x).view(rows, horizon, self.heads, -1).transpose(1, 2)
        k, v = self.key_value(inputs).view(rows, self.memory + horizon, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        moment = torch.arange(horizon, device=x.device)[:, None] + self.memory
        age = moment - torch.arange(self.memory + horizon, device=x.device)
        near = (age >= 0) & (age <= self.memory)
        seen = near & filled[:, None] & (of_input[:, None] == episode[..., None])  # [rows, T, memory + T]
        bias = self.bias_of_age[:, age.clamp(0, self.memory)].to(q.dtype)
        bias = bias[None].masked_fill(~seen[:, None], float("-inf"))
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        y = self.out(y.transpose(1, 2).reshape(rows, horizon, width))

        kept = filled[:, horizon:] & (of_input[:, horizon:] == episode[:, -1:])
        return y, (inputs[:, horizon:] * kept[..., None], kept.float())

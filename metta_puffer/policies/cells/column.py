"""Cells side by side and one after the other."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from metta_puffer.policies.cells.base import Cell, State


class _Several(Cell):
    """Cells of which each has a share of the state."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        ends = list(accumulate(len(cell.state_shapes) for cell in cells))
        self._shares = [slice(start, end) for start, end in pairwise([0, *ends])]
        self.state_shapes = tuple(shape for cell in cells for shape in cell.state_shapes)


class Column(_Several):
    """Experts side by side: x + scale * sum over experts i of weight_i * expert_i(x).

    The weights sum to 1; they are a softmax of a learned preference for each expert plus one that reads x.
    Parameters: (width + 1) * experts + experts + 1 and the experts'.
    """

    def __init__(self, width: int, experts: Sequence[Cell]) -> None:
        super().__init__(experts)
        self.preference = nn.Parameter(torch.zeros(len(experts)))
        self.router = nn.Linear(width, len(experts))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        weights = (self.preference + self.router(x)).softmax(-1)
        mixed = torch.zeros_like(x)
        after: list[Tensor] = []
        for i, (expert, share) in enumerate(zip(self.cells, self._shares, strict=True)):
            y, new = expert(x, state[share], resets)
            mixed = mixed + weights[..., i : i + 1] * y
            after += new
        return x + self.scale * mixed, tuple(after)


class Stack(_Several):
    """Cells one after the other, then a LayerNorm. Parameters: 2 * width and the cells'."""

    def __init__(self, width: int, cells: Sequence[Cell]) -> None:
        super().__init__(cells)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        after: list[Tensor] = []
        for cell, share in zip(self.cells, self._shares, strict=True):
            x, new = cell(x, state[share], resets)
            after += new
        return self.norm(x), tuple(after)

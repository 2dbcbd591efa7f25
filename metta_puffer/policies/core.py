"""The memory of a policy, whatever it is made of, in the two tensors that both trainers carry."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from metta_puffer.policies.cells.base import Cell


class Core(nn.Module, ABC):
    """What stands between the encoding and the heads. Its state is `h` and `c`, float32 [n, state_size] each.

    Zeros are the state before anything was seen: trainers make it so at the start, and at episode ends.
    """

    state_size: int

    @abstractmethod
    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [n, width] -> output [n, width], new h, new c."""

    @abstractmethod
    def sequence(self, x: Tensor, h: Tensor, c: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """x [rows, T, width], resets [rows, T] or None -> outputs [rows, T, width], h and c after the last.

        Where `resets[:, t]` is not 0 the state is zeroed before observation t is read.
        """


class CellCore(Core):
    """A cell whose state, of any shapes, lies flat in `h` and then in `c`; an odd number is padded with one zero."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self._sizes = [prod(shape) for shape in cell.state_shapes]
        self.state_size = (sum(self._sizes) + 1) // 2

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, h, c = self.sequence(x[:, None], h, c, None)
        return y[:, 0], h, c

    def sequence(self, x: Tensor, h: Tensor, c: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        y, state = self.cell(x, self._unpack(h, c), resets)
        return y, *self._pack(state)

    def _unpack(self, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        flat = torch.cat([h, c], dim=1)[:, : sum(self._sizes)].split(self._sizes, dim=1)
        return tuple(part.reshape(len(part), *shape) for part, shape in zip(flat, self.cell.state_shapes, strict=True))

    def _pack(self, state: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        flat = torch.cat([part.flatten(1).float() for part in state], dim=1)
        padded = nn.functional.pad(flat, (0, 2 * self.state_size - flat.shape[1]))
        return padded[:, : self.state_size], padded[:, self.state_size :]

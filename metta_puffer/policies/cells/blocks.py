"""What is built round a cell: a way up to a wider one, or a perceptron behind it."""

from torch import Tensor, nn

from metta_puffer.policies.cells.base import Cell, State


class Bare(Cell):
    """Normalize, then the cell. Parameters: 2 * width and the cell's."""

    def __init__(self, width: int, cell: Cell) -> None:
        super().__init__()
        self.norm, self.cell = nn.LayerNorm(width), cell
        self.state_shapes = cell.state_shapes

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        return self.cell(self.norm(x), state, resets)


class Residual(Bare):
    """Normalize, run the cell, add it to the input. Parameters: 2 * width and the cell's."""

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        y, state = super().forward(x, state, resets)
        return x + y, state


class PreUp(Cell):
    """Normalize, widen, run the cell (of width `inner`), gate it by a second widened input, narrow.

    Parameters: 2 * width + 3 * width * inner + 2 * inner + width and the cell's.
    """

    def __init__(self, width: int, inner: int, cell: Cell) -> None:
        super().__init__()
        self.norm, self.cell = nn.LayerNorm(width), cell
        self.up, self.down = nn.Linear(width, 2 * inner), nn.Linear(inner, width)
        self.state_shapes = cell.state_shapes

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        wide, gate = self.up(self.norm(x)).chunk(2, dim=-1)
        y, state = self.cell(wide, state, resets)
        return self.down(y * nn.functional.silu(gate)), state


class PostUp(Cell):
    """Normalize, run the cell, add it to the input; behind that a perceptron 1.5 times as wide.

    Parameters: 4 * width + 3 * width * width + 2.5 * width and the cell's.
    """

    def __init__(self, width: int, cell: Cell) -> None:
        super().__init__()
        self.norm, self.cell = nn.LayerNorm(width), cell
        inner = width + width // 2
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width)
        )
        self.state_shapes = cell.state_shapes

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        y, state = self.cell(self.norm(x), state, resets)
        return y + self.perceptron(x + y), state

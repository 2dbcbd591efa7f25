"""One LSTM layer as a cell."""

from torch import Tensor

from metta_puffer.policies.cells.base import Cell, State
from metta_puffer.policies.lstm_core import LSTMCore


class LSTMCell(Cell):
    """Hochreiter and Schmidhuber 1997. State: h [width], c [width]. Parameters: 8 * width * (width + 1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = LSTMCore(width, width)
        self.state_shapes = ((width,), (width,))

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        h, c = state
        y, h, c = self.layer.sequence(x, h, c, resets)
        return y, (h, c)

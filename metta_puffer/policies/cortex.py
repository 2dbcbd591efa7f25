"""`cortex`: latent attention over the tokens, then columns of mixed recurrent cells."""

from collections.abc import Callable

from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.policies.cells.base import Cell
from metta_puffer.policies.cells.blocks import Bare, PostUp, PreUp
from metta_puffer.policies.cells.column import Column, Stack
from metta_puffer.policies.cells.conv import ConvCell
from metta_puffer.policies.cells.lstm import LSTMCell
from metta_puffer.policies.cells.memory_attention import MemoryAttentionCell
from metta_puffer.policies.cells.mlstm import MLSTMCell
from metta_puffer.policies.cells.slstm import SLSTMCell
from metta_puffer.policies.core import CellCore
from metta_puffer.policies.latent import EncoderSize, LatentPolicy
from metta_puffer.policies.sizes import multiple
from metta_puffer.policies.tokens import TokenChannels

HEADS = 4
WIDER_HEADS = 8  # of the cells that run at twice the width

# (width, moments that attention remembers) -> a cell in its block.
CELLS: dict[str, Callable[[int, int], Cell]] = {
    "lstm": lambda width, memory: Bare(width, LSTMCell(width)),
    "mlstm": lambda width, memory: PreUp(width, 2 * width, MLSTMCell(2 * width, WIDER_HEADS)),
    "slstm": lambda width, memory: PostUp(width, SLSTMCell(width, HEADS)),
    "conv": lambda width, memory: PreUp(width, 2 * width, ConvCell(2 * width)),
    "attention": lambda width, memory: PostUp(width, MemoryAttentionCell(width, HEADS, memory)),
}


class CortexPolicy(LatentPolicy):
    """Tokens [21] -> 12 latents of 64, 2 cross layers of 4 heads -> fc 64 -> columns of cells of 64.

    `columns` says which cells stand side by side (joined by +) and which columns follow each other (parted by a
    comma); cells are `lstm`, `mlstm` and `conv` (both at twice the width, with a way up before and down behind),
    `slstm` and `attention` over the last `memory` moments (both with a perceptron behind). The state with the
    defaults is 4,376 numbers an agent, carried as two tensors of 2,188. With 30 grid and 20 global channels and
    9 actions 307,876 parameters: 87,226 encoder, 4,160 fc, 215,840 core, 650 heads.
    """

    size = EncoderSize(embedding_size=8, frequencies=3, latents=12, cross_layers=2, heads=4, latent_size=64)

    def __init__(
        self,
        channels: TokenChannels,
        height: int,
        width: int,
        num_actions: int,
        *,
        recurrent: bool = True,
        hidden_size: int = 64,
        columns: str = "lstm+mlstm, slstm+conv+attention",
        memory: int = 16,
        max_tokens: int = 128,
    ) -> None:
        multiple("hidden_size", hidden_size, HEADS)
        stack = [Column(hidden_size, [CELLS[name](hidden_size, memory) for name in names]) for names in _parse(columns)]
        super().__init__(
            channels,
            height,
            width,
            num_actions,
            recurrent=recurrent,
            hidden_size=hidden_size,
            max_tokens=max_tokens,
            core=CellCore(Stack(hidden_size, stack)),
        )


def _parse(columns: str) -> list[list[str]]:
    """'a+b, c' -> [[a, b], [c]]. Raises UserError for a cell that does not exist."""
    parsed = [[name.strip() for name in column.split("+")] for column in columns.split(",")]
    for name in (name for column in parsed for name in column):
        if name not in CELLS:
            raise UserError(
                f"no such cell: {name!r}.{did_you_mean(name, CELLS)}",
                remedy=f"join cells by + and columns by a comma; the cells are {', '.join(CELLS)}",
                key="policy.columns",
                value=columns,
            )
    return parsed

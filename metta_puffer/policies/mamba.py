"""`mamba`: latent attention over the tokens, then selective state spaces."""

from metta_puffer.policies.cells.blocks import Residual
from metta_puffer.policies.cells.column import Stack
from metta_puffer.policies.cells.state_space import StateSpaceCell
from metta_puffer.policies.core import CellCore
from metta_puffer.policies.latent import EncoderSize, LatentPolicy
from metta_puffer.policies.sizes import multiple
from metta_puffer.policies.tokens import TokenChannels

HEAD_WIDTH = 16
EXPAND = 2


class MambaPolicy(LatentPolicy):
    """Tokens [21] -> 12 latents of 32, 1 cross layer of 4 heads -> fc 64 -> state space cell of 64.

    The cell has 8 heads with a memory of [16, 16] each and a convolution over 4 moments: 2,528 numbers an agent,
    carried as two tensors of 1,264. With 30 grid and 20 global channels and 9 actions 43,900 parameters: 12,794
    encoder, 2,112 fc, 28,344 core, 650 heads.
    """

    size = EncoderSize(embedding_size=8, frequencies=3, latents=12, cross_layers=1, heads=4)

    def __init__(
        self,
        channels: TokenChannels,
        height: int,
        width: int,
        num_actions: int,
        *,
        recurrent: bool = True,
        hidden_size: int = 64,
        layers: int = 1,
        state_width: int = 16,
        max_tokens: int = 128,
    ) -> None:
        multiple("hidden_size", hidden_size, HEAD_WIDTH // EXPAND)
        cells = [
            Residual(
                hidden_size,
                StateSpaceCell(hidden_size, state_width=state_width, expand=EXPAND, head_width=HEAD_WIDTH),
            )
            for _ in range(layers)
        ]
        super().__init__(
            channels,
            height,
            width,
            num_actions,
            recurrent=recurrent,
            hidden_size=hidden_size,
            max_tokens=max_tokens,
            core=CellCore(Stack(hidden_size, cells)),
        )

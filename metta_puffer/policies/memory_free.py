"""`memory-free`: latent attention over the tokens and nothing that remembers."""

from metta_puffer.policies.latent import EncoderSize, LatentPolicy
from metta_puffer.policies.tokens import TokenChannels


class MemoryFreePolicy(LatentPolicy):
    """Tokens [21] -> 12 latents of 64, 2 cross layers of 4 heads -> fc 256. `recurrent` changes nothing here.

    With 30 grid and 20 global channels and 9 actions 106,436 parameters: 87,226 encoder, 16,640 fc, 2,570 heads.
    """

    size = EncoderSize(embedding_size=8, frequencies=3, latents=12, cross_layers=2, heads=4, latent_size=64)

    def __init__(
        self,
        channels: TokenChannels,
        height: int,
        width: int,
        num_actions: int,
        *,
        recurrent: bool = False,
        hidden_size: int = 256,
        max_tokens: int = 128,
    ) -> None:
        super().__init__(
            channels, height, width, num_actions, recurrent=False, hidden_size=hidden_size, max_tokens=max_tokens
        )

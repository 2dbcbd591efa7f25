"""`vit-tiny`, `vit-small`, `vit-medium`: latent attention over the tokens, then an LSTM."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from metta_puffer.policies.actor_critic import ActorCritic, linear
from metta_puffer.policies.perceiver import Perceiver
from metta_puffer.policies.token_embedding import TokenEmbedding
from metta_puffer.policies.tokens import TokenChannels


@dataclass(frozen=True)
class EncoderSize:
    embedding_size: int
    frequencies: int
    latents: int
    cross_layers: int
    self_layers: int
    heads: int
    latent_size: int = 32


class VitPolicy(ActorCritic):
    """Tokens -> Perceiver -> fc -> LSTM. The sizes of the encoder follow Metta's latent_attn_tiny, _small and _med."""

    size: ClassVar[EncoderSize]

    def __init__(
        self,
        channels: TokenChannels,
        height: int,
        width: int,
        num_actions: int,
        *,
        recurrent: bool = True,
        hidden_size: int = 128,
        max_tokens: int = 128,
    ) -> None:
        super().__init__(hidden_size, num_actions, recurrent=recurrent)
        size = self.size
        tokens = TokenEmbedding(
            channels,
            height,
            width,
            embedding_size=size.embedding_size,
            frequencies=size.frequencies,
            max_tokens=max_tokens,
        )
        self.perceiver = Perceiver(
            tokens,
            latents=size.latents,
            latent_size=size.latent_size,
            heads=size.heads,
            cross_layers=size.cross_layers,
            self_layers=size.self_layers,
        )
        self.joined = nn.Sequential(linear(size.latent_size, hidden_size), nn.ReLU())

    def encode(self, tokens: Tensor) -> Tensor:
        return self.joined(self.perceiver(tokens))


class VitTinyPolicy(VitPolicy):
    """Tokens [27] -> 1 latent of 32, 2 cross layers of 4 heads -> fc 128 -> LSTM 128.

    With 30 grid and 20 global channels and 9 actions 161,108 parameters: 23,498 encoder, 4,224 fc, 132,096 LSTM,
    1,290 heads.
    """

    size = EncoderSize(embedding_size=10, frequencies=4, latents=1, cross_layers=2, self_layers=0, heads=4)


class VitSmallPolicy(VitPolicy):
    """Tokens [41] -> 10 latents of 32, 1 cross and 2 self layers of 4 heads -> fc 128 -> LSTM 128.

    With 30 grid and 20 global channels and 9 actions 177,068 parameters: 39,458 encoder, 4,224 fc, 132,096 LSTM,
    1,290 heads.
    """

    size = EncoderSize(embedding_size=8, frequencies=8, latents=10, cross_layers=1, self_layers=2, heads=4)


class VitMediumPolicy(VitPolicy):
    """Tokens [45] -> 10 latents of 32, 3 cross and 3 self layers of 8 heads -> fc 128 -> LSTM 128.

    With 30 grid and 20 global channels and 9 actions 211,356 parameters: 73,746 encoder, 4,224 fc, 132,096 LSTM,
    1,290 heads.
    """

    size = EncoderSize(embedding_size=12, frequencies=8, latents=10, cross_layers=3, self_layers=3, heads=8)

"""Policies that encode by latent attention over the tokens: their encoder, in one size each."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from metta_puffer.policies.actor_critic import ActorCritic, linear
from metta_puffer.policies.core import Core
from metta_puffer.policies.perceiver import Perceiver
from metta_puffer.policies.token_embedding import TokenEmbedding
from metta_puffer.policies.tokens import TokenChannels


@dataclass(frozen=True)
class EncoderSize:
    embedding_size: int
    frequencies: int
    latents: int
    cross_layers: int
    heads: int
    self_layers: int = 0
    latent_size: int = 32


class LatentPolicy(ActorCritic):
    """Tokens -> Perceiver of `size` -> fc -> `core` (an LSTM where none is given) -> heads."""

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
        core: Core | None = None,
    ) -> None:
        super().__init__(hidden_size, num_actions, recurrent=recurrent, core=core)
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

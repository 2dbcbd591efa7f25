"""`memory-free`: latent attention over the tokens and nothing that remembers."""

from torch import Tensor, nn

from metta_puffer.policies.actor_critic import ActorCritic, linear
from metta_puffer.policies.perceiver import Perceiver
from metta_puffer.policies.token_embedding import TokenEmbedding
from metta_puffer.policies.tokens import TokenChannels


class MemoryFreePolicy(ActorCritic):
    """Tokens [21] -> 12 latents of 64, 2 cross layers of 4 heads -> fc 256. `recurrent` changes nothing here.

    With 30 grid and 20 global channels and 9 actions 106,436 parameters: 87,226 encoder, 16,640 fc, 2,570 heads.
    """

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
        super().__init__(hidden_size, num_actions, recurrent=False)
        tokens = TokenEmbedding(channels, height, width, embedding_size=8, frequencies=3, max_tokens=max_tokens)
        self.perceiver = Perceiver(tokens, latents=12, latent_size=64, heads=4, cross_layers=2)
        self.joined = nn.Sequential(linear(64, hidden_size), nn.ReLU())

    def encode(self, tokens: Tensor) -> Tensor:
        return self.joined(self.perceiver(tokens))

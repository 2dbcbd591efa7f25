"""`lstm`: the token path without attention."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.actor_critic import ActorCritic, linear
from metta_puffer.policies.token_embedding import TokenEmbedding
from metta_puffer.policies.tokens import TokenChannels


class LSTMPolicy(ActorCritic):
    """Tokens [41] -> fc 64 each; their mean and their maximum [128] -> fc 128 -> LSTM 128.

    With 30 grid and 20 global channels and 9 actions 152,986 parameters: 400 embedding, 2,688 + 16,512 fc,
    132,096 LSTM, 1,290 heads.
    """

    def __init__(
        self,
        channels: TokenChannels,
        height: int,
        width: int,
        num_actions: int,
        *,
        recurrent: bool = True,
        hidden_size: int = 128,
        token_width: int = 64,
        max_tokens: int = 128,
    ) -> None:
        super().__init__(hidden_size, num_actions, recurrent=recurrent)
        self.tokens = TokenEmbedding(channels, height, width, max_tokens=max_tokens)
        self.each = nn.Sequential(linear(self.tokens.size, token_width), nn.ReLU())
        self.joined = nn.Sequential(linear(2 * token_width, hidden_size), nn.ReLU())

    def encode(self, tokens: Tensor) -> Tensor:
        vectors, present = self.tokens(tokens)
        x = self.each(vectors) * present[..., None]  # not below 0, so that absent tokens never are the maximum
        mean = x.sum(1) / present.sum(1, keepdim=True).clamp(min=1)
        return self.joined(torch.cat([mean, x.amax(1)], dim=1))

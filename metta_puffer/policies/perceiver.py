"""Latent attention over tokens (Perceiver): a few learned vectors ask, all tokens answer."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.token_embedding import TokenEmbedding

ABSENT = -1e4  # added to the score of what is not there; finite, so that an empty observation has an answer too


class Perceiver(nn.Module):
    """uint8 tokens [n, tokens, 3] -> float32 [n, latent_size].

    `latents` learned vectors go through `cross_layers` of attention to the tokens and `self_layers` of attention to
    each other, every layer followed by a perceptron 4 times as wide; then LayerNorm, and the mean over latents. Keys
    and values of the tokens are computed once for all layers. Jaegle et al. 2021, "Perceiver".

    Parameters, with t the size of a token, s = latent_size: the embedding's, latents * s, 2t + 2ts for keys and
    values, 10s**2 + 10s a cross layer, 12s**2 + 13s a self layer, 2s.
    """

    def __init__(
        self,
        tokens: TokenEmbedding,
        *,
        latents: int,
        latent_size: int,
        heads: int,
        cross_layers: int,
        self_layers: int = 0,
    ) -> None:
        super().__init__()
        self.tokens, self.heads = tokens, heads
        self.latents = nn.Parameter(nn.init.trunc_normal_(torch.empty(latents, latent_size), std=0.02))
        self.norm_tokens = nn.LayerNorm(tokens.size)
        self.key_value = nn.Linear(tokens.size, 2 * latent_size, bias=False)
        self.cross = nn.ModuleList([_CrossLayer(latent_size, heads) for _ in range(cross_layers)])
        self.own = nn.ModuleList([_SelfLayer(latent_size, heads) for _ in range(self_layers)])
        self.norm = nn.LayerNorm(latent_size)

    def forward(self, tokens: Tensor) -> Tensor:
        vectors, present = self.tokens(tokens)
        k, v = (_by_head(part, self.heads) for part in self.key_value(self.norm_tokens(vectors)).chunk(2, dim=-1))
        bias = torch.zeros(present.shape, dtype=k.dtype, device=k.device).masked_fill(~present, ABSENT)[:, None, None]
        x = self.latents.expand(len(tokens), -1, -1)
        for layer in self.cross:
            x = layer(x, k, v, bias)
        for layer in self.own:
            x = layer(x)
        return self.norm(x).mean(1)


class _CrossLayer(nn.Module):
    """x [n, latents, size], k and v [n, heads, k, size / heads], bias [n, 1, 1, k] -> x."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(size)
        self.query, self.out = nn.Linear(size, size, bias=False), nn.Linear(size, size)
        self.perceptron = _perceptron(size)

    def forward(self, x: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        q = _by_head(self.query(self.norm(x)), self.heads)
        answer = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self.out(answer.transpose(1, 2).flatten(2))
        return x + self.perceptron(x)


class _SelfLayer(nn.Module):
    """x [n, latents, size] -> x."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(size)
        self.query_key_value, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.perceptron = _perceptron(size)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (_by_head(part, self.heads) for part in self.query_key_value(self.norm(x)).chunk(3, dim=-1))
        answer = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(answer.transpose(1, 2).flatten(2))
        return x + self.perceptron(x)


def _by_head(x: Tensor, heads: int) -> Tensor:
    """[n, length, size] -> [n, heads, length, size / heads]."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _perceptron(size: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

"""Observation tokens to a sequence of vectors: what, where, how much."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.tokens import GLOBAL_LOCATION, PADDING_LOCATION, TokenChannels, without_empty_tail

_CELL, _GLOBAL, _NOWHERE = range(3)


class TokenEmbedding(nn.Module):
    """uint8 tokens [n, tokens, 3] -> float32 [n, k, embedding_size + 4 * frequencies + 1] and bool [n, k].

    A vector is a learned embedding of the token's channel (its feature, by name; tags and last actions one each), then
    cos and sin of row and of column, counted from the middle of the window in window halves, at the frequencies
    1, 2, 4, ..., then the value. It is zero, and the second result False, for padding, unknown ids and places
    outside the window; global tokens have zeros for a place.

    k is the number of slots, or less: on the CPU the unused end of the batch is cut off, and of more than
    `max_tokens` the nearest to the middle are taken, global ones first. Which those are does not depend on their order.

    Parameters: embedding_size a channel.
    """

    place_of_location: Tensor
    distance_of_location: Tensor
    position_of_location: Tensor
    channel_of_key: Tensor
    value_of_key: Tensor

    def __init__(
        self,
        channels: TokenChannels,
        height: int,
        width: int,
        *,
        embedding_size: int = 8,
        frequencies: int = 8,
        max_tokens: int = 128,
    ) -> None:
        super().__init__()
        self.max_tokens = max_tokens
        self.size = embedding_size + 4 * frequencies + 1
        self.num_channels = len(channels.grid) + len(channels.globals)
        self.embedding = nn.Embedding(self.num_channels, embedding_size)
        nn.init.trunc_normal_(self.embedding.weight, std=0.02)

        # The tables are rebuilt from the game, never stored with the weights.
        grid_channel, global_channel, value = channels.lookup_tables()
        nothing = torch.full_like(grid_channel, self.num_channels)
        channel = torch.stack(
            [
                torch.where(grid_channel >= 0, grid_channel, nothing),
                torch.where(global_channel >= 0, global_channel + len(channels.grid), nothing),
                nothing,
            ]
        )
        place = torch.full((256,), _NOWHERE)
        distance = torch.zeros(256, dtype=torch.int64)
        position = torch.zeros(256, 4 * frequencies)
        scales = 2.0 ** torch.arange(frequencies)
        for row in range(height):
            for column in range(width):
                location = row << 4 | column
                place[location] = _CELL
                distance[location] = 1 + (row - height // 2) ** 2 + (column - width // 2) ** 2
                y = (row - height // 2) / max(height // 2, 1) * scales
                x = (column - width // 2) / max(width // 2, 1) * scales
                position[location] = torch.cat([y.cos(), y.sin(), x.cos(), x.sin()])
        place[GLOBAL_LOCATION], place[PADDING_LOCATION] = _GLOBAL, _NOWHERE
        tables = {
            "place_of_location": place,
            "distance_of_location": distance,
            "position_of_location": position,
            "channel_of_key": channel.flatten(),
            "value_of_key": value,
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        # Elsewhere a cut would wait for the device, or be compiled anew for each length.
        if tokens.device.type == "cpu" and not torch.compiler.is_compiling():
            tokens = without_empty_tail(tokens)
        location = tokens[..., 0].long()
        key = tokens[..., 1].long() * 256 + tokens[..., 2]
        channel = self.channel_of_key[self.place_of_location[location] * 65536 + key]
        if tokens.shape[1] > self.max_tokens:
            nearest = self._nearest(location, channel, tokens[..., 2])
            location, key, channel = (part.gather(1, nearest) for part in (location, key, channel))
        present = channel < self.num_channels
        what = self.embedding(channel.clamp(max=self.num_channels - 1))
        vectors = torch.cat([what, self.position_of_location[location], self.value_of_key[key][..., None]], dim=-1)
        return vectors * present[..., None], present

    def _nearest(self, location: Tensor, channel: Tensor, value: Tensor) -> Tensor:
        """int64 [n, max_tokens]: the slots to keep. No two different tokens share a rank."""
        rank = self.distance_of_location[location] * 256 + location
        rank = (rank * self.num_channels + channel) * 256 + value
        rank = rank.masked_fill(channel == self.num_channels, torch.iinfo(torch.int64).max)
        return rank.topk(self.max_tokens, dim=1, largest=False, sorted=False).indices

"""Observation tokens to a feature grid.

A token is three bytes (location, feature id, value). Location: high nibble row, low nibble column; 0xFE a global
token, which belongs to no cell; 0xFF padding, whose other two bytes mean nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from typing import Any

import torch
from torch import Tensor, nn

GLOBAL_LOCATION = 0xFE
PADDING_LOCATION = 0xFF
NO_CHANNEL = -1

# Features that describe the agent or the episode and are only ever sent as global tokens.
_GLOBAL_FEATURES = ("episode_completion_pct", "last_action", "last_action_move", "territory:here")
_GLOBAL_PREFIXES = ("lp:",)
# Ids that the engine reserves without ever sending a token for them.
_SILENT_FEATURES = ("goal", "last_reward", "aoe_mask")
_SILENT_PREFIXES = ("protocol_input:", "protocol_output:")
_CELL_FEATURES = ("tag", "vibe", "agent:group", "agent_id")
_CELL_PREFIXES = ("inv:", "territory:")


@dataclass(frozen=True)
class Feature:
    """One row of the engine's feature table."""

    id: int
    name: str
    normalization: float


@dataclass(frozen=True)
class TokenChannels:
    """What each channel of the grid and of the global vector means, and the ids that feed it.

    Channels are told apart by name, so a policy trained in one game meets the right channels in a game whose feature
    or tag ids differ.
    """

    grid: tuple[str, ...]
    globals: tuple[str, ...]
    features: tuple[Feature, ...]
    tag_names: tuple[str, ...]

    @classmethod
    def of(cls, features: Sequence[Feature], tag_names: Sequence[str], num_actions: int) -> "TokenChannels":
        """Channels for a game: one per tag (tags are categories, not amounts), per action last taken, per number."""
        grid: list[str] = []
        global_: list[str] = []
        for feature in features:
            name = feature.name
            if name in _SILENT_FEATURES or name.startswith(_SILENT_PREFIXES):
                continue
            if name == "tag":
                grid += [f"tag:{tag}" for tag in tag_names]
            elif name == "last_action":
                global_ += [f"last_action:{action}" for action in range(num_actions)]
            elif name in _GLOBAL_FEATURES or name.startswith(_GLOBAL_PREFIXES):
                global_.append(name)
            elif name in _CELL_FEATURES or name.startswith(_CELL_PREFIXES):
                grid.append(name)
            else:  # a named game value (sent globally) or a feature this file does not know
                global_.append(name)
                grid.append(name)
        return cls(tuple(grid), tuple(global_), tuple(features), tuple(tag_names))

    @classmethod
    def of_env(cls, env: Any) -> "TokenChannels":
        """Channels of an environment that carries its `MettaGridConfig`; plain numeric ones without."""
        num_actions = int(env.single_action_space.n)
        config = getattr(env, "config", None)
        if not hasattr(config, "game"):
            return cls.of([Feature(i, f"feature:{i}", 255.0) for i in range(255)], (), num_actions)
        id_map = env.config.game.id_map()
        features = [Feature(feature.id, feature.name, float(feature.normalization)) for feature in id_map.features()]
        return cls.of(features, id_map.tag_names(), num_actions)

    def seen_through(self, other: "TokenChannels") -> "TokenChannels":
        """The channels of `self` (a policy's) fed by the feature and tag ids of `other` (another game)."""
        return TokenChannels(self.grid, self.globals, other.features, other.tag_names)

    def lookup_tables(self) -> tuple[Tensor, Tensor, Tensor]:
        """(grid channel, global channel, weight) by `feature id * 256 + value`: int64, int64, float32 [65536]."""
        grid_channel = torch.full((65536,), NO_CHANNEL, dtype=torch.int64)
        global_channel = grid_channel.clone()
        weight = torch.zeros(65536)
        grid_index = {name: i for i, name in enumerate(self.grid)}
        global_index = {name: i for i, name in enumerate(self.globals)}
        for feature in self.features:
            for value in range(256):
                key = feature.id * 256 + value
                name = self._channel_name(feature, value)
                grid_channel[key] = grid_index.get(name, NO_CHANNEL)
                global_channel[key] = global_index.get(name, NO_CHANNEL)
                weight[key] = 1.0 if name != feature.name else _scaled(feature, value)
        return grid_channel, global_channel, weight

    def _channel_name(self, feature: Feature, value: int) -> str:
        if feature.name == "tag":
            return f"tag:{self.tag_names[value]}" if value < len(self.tag_names) else ""
        if feature.name == "last_action":
            return f"last_action:{value}"
        return feature.name


def _scaled(feature: Feature, value: int) -> float:
    # One item must stand out from none although a slot may hold 255, hence the logarithm for amounts.
    if feature.name.startswith("inv:"):
        return log1p(value) / log1p(255.0)
    return value / feature.normalization


class TokenGrid(nn.Module):
    """uint8 tokens [n, tokens, 3] to (float32 grid [n, C, height, width], float32 globals [n, G]).

    Tokens of one cell and channel add up, so their order means nothing; padding, ids without a channel and cells
    outside the window add nothing. The tables are rebuilt from the game, never stored with the weights.
    """

    cell_of_location: Tensor
    grid_channel: Tensor
    global_channel: Tensor
    weight: Tensor

    def __init__(self, channels: TokenChannels, height: int, width: int) -> None:
        super().__init__()
        self.channels, self.height, self.width = channels, height, width
        self.num_channels, self.num_globals = len(channels.grid), len(channels.globals)
        cells = torch.full((256,), NO_CHANNEL, dtype=torch.int64)
        for row in range(height):
            for column in range(width):
                cells[row << 4 | column] = row * width + column
        cells[GLOBAL_LOCATION] = cells[PADDING_LOCATION] = NO_CHANNEL
        self.register_buffer("cell_of_location", cells, persistent=False)
        for name, table in zip(("grid_channel", "global_channel", "weight"), channels.lookup_tables(), strict=True):
            self.register_buffer(name, table, persistent=False)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        if tokens.device.type == "cpu" and not torch.compiler.is_compiling():
            tokens = without_empty_tail(tokens)
        n, length = tokens.shape[:2]
        location = tokens[..., 0].long()
        key = tokens[..., 1].long() * 256 + tokens[..., 2]
        cell = self.cell_of_location[location]
        grid_channel, global_channel = self.grid_channel[key], self.global_channel[key]
        cells = self.height * self.width
        grid_size, global_size = n * self.num_channels * cells, n * self.num_globals
        agent = torch.arange(n, device=tokens.device)[:, None]
        # One flat buffer: grid, globals, then a slot of its own for every token that counts for nothing
        # (a shared slot would serialize the atomic adds on CUDA).
        nowhere = grid_size + global_size + torch.arange(n * length, device=tokens.device).view(n, length)
        index = torch.where(
            (cell >= 0) & (grid_channel >= 0),
            (agent * self.num_channels + grid_channel) * cells + cell,
            torch.where(
                (location == GLOBAL_LOCATION) & (global_channel >= 0),
                grid_size + agent * self.num_globals + global_channel,
                nowhere,
            ),
        )
        buffer = torch.zeros(grid_size + global_size + n * length, device=tokens.device)
        buffer.scatter_add_(0, index.view(-1), self.weight[key].view(-1))
        grid = buffer[:grid_size].view(n, self.num_channels, self.height, self.width)
        return grid, buffer[grid_size : grid_size + global_size].view(n, self.num_globals)


def without_empty_tail(tokens: Tensor) -> Tensor:
    """Cuts the slots behind the last used one of the whole batch; most of a 200-token buffer is padding."""
    used = (tokens[..., 0] != PADDING_LOCATION).any(0).nonzero()
    return tokens[:, : int(used[-1]) + 1 if len(used) else 1]


def window_shape(env: Any, options: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) of the observation window: from the game where the environment has one, else from options."""
    config = getattr(env, "config", None)
    if hasattr(config, "game"):
        return int(env.config.game.obs.height), int(env.config.game.obs.width)
    return int(options.get("window", 11)), int(options.get("window", 11))

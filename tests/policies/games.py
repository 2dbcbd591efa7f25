"""A driver environment with a game's feature table, without a game."""

from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import torch

FEATURES = [
    ("agent:group", 10.0),
    ("episode_completion_pct", 255.0),
    ("last_action", 10.0),
    ("tag", 10.0),
    ("lp:east", 255.0),
    ("inv:ore_red", 256.0),
    ("inv:heart", 256.0),
    ("goal", 100.0),
]
TAGS = ["type:agent", "type:altar", "type:wall"]


def game_env(
    features: list[tuple[str, float]] = FEATURES, tags: list[str] = TAGS, actions: int = 5, window: int = 11
) -> Any:
    """An object with the spaces and the `config` face that `build_policy` reads."""
    specs = [SimpleNamespace(id=i, name=name, normalization=norm) for i, (name, norm) in enumerate(features)]
    id_map = SimpleNamespace(features=lambda: specs, tag_names=lambda: tags)
    game = SimpleNamespace(id_map=lambda: id_map, obs=SimpleNamespace(height=window, width=window))
    return SimpleNamespace(
        single_observation_space=gymnasium.spaces.Box(0, 255, (40, 3), np.uint8),
        single_action_space=gymnasium.spaces.Discrete(actions),
        config=SimpleNamespace(game=game),
    )


def random_tokens(generator: torch.Generator, *batch: int, slots: int = 40, used: int = 25) -> torch.Tensor:
    """uint8 [*batch, slots, 3]: `used` tokens no two of which share location and feature, then padding."""
    count = int(np.prod(batch))
    tokens = torch.full((count, slots, 3), 0xFF, dtype=torch.uint8)
    places = [(row << 4 | column) for row in range(11) for column in range(11)] + [0xFE]
    for i in range(count):
        pairs = torch.randperm(len(places) * len(FEATURES), generator=generator)[:used]
        tokens[i, :used, 0] = torch.tensor([places[int(p) // len(FEATURES)] for p in pairs], dtype=torch.uint8)
        tokens[i, :used, 1] = (pairs % len(FEATURES)).to(torch.uint8)
        tokens[i, :used, 2] = torch.randint(0, 4, (used,), generator=generator).to(torch.uint8)
    return tokens.view(*batch, slots, 3)

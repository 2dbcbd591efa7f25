"""What may stand in the sections that take further keys: options of policies, games and the environment, with defaults.

The audit says what a trainer would refuse without loading torch or mettagrid, so the options stand here a second time;
a test compares them with the policies, the games and the environment.
"""

from collections.abc import Mapping
from typing import Any, Literal

from metta_puffer.config.problems import Problem
from metta_puffer.config.settings import Loaded

_OF_ALL = {"window": 11, "value_quantiles": 1}
_VIT = {"hidden_size": 128, "max_tokens": 128, **_OF_ALL}

POLICIES: dict[str, dict[str, Any]] = {
    "cortex": {
        "hidden_size": 64,
        "columns": "lstm+mlstm, slstm+conv+attention",
        "memory": 16,
        "max_tokens": 128,
        **_OF_ALL,
    },
    "fast": {"hidden_size": 512, "conv_channels": 128, **_OF_ALL},
    "lstm": {"hidden_size": 128, "token_width": 64, "max_tokens": 128, **_OF_ALL},
    "mamba": {"hidden_size": 64, "layers": 1, "state_width": 16, "max_tokens": 128, **_OF_ALL},
    "memory-free": {"hidden_size": 256, "max_tokens": 128, **_OF_ALL},
    "small": {"hidden_size": 64, "conv_channels": 16, **_OF_ALL},
    "vit-medium": _VIT,
    "vit-small": _VIT,
    "vit-tiny": _VIT,
}

GAMES: dict[str, dict[str, Any]] = {
    "arena": {
        "variant": "basic_easy_shaped",
        "agents_per_instance": None,
        "room_size": None,
        "mines": None,
        "generators": None,
        "altars": None,
        "blocks": None,
        "walls": None,
        "ore_reward": None,
        "battery_reward": None,
        "heart_reward": 1.0,
        "max_steps": 1000,
        "initial_resource_count": 0,
        "window": 11,
        "num_tokens": 200,
    },
    "navigation": {
        "style": "balanced",
        "room_size": 40,
        "altars": 10,
        "altar_cooldown": 255,
        "heart_reward": 1.0,
        "max_steps": 1000,
        "window": 11,
        "num_tokens": 200,
    },
}

ENVIRONMENT: dict[str, Any] = {
    "desync_episodes": False,
    "episode_seeds": "derived",
    "autoreset": "same_step",
    "map_pool": 0,
    "supervisor": None,
    "num_threads": 1,
    "seed": 0,
    "render_mode": None,
    "first_world": 0,
    "num_groups": 1,
}


# Options of the environment that a trainer gives itself, with what to set instead.
GIVEN = {
    "puffer": {"seed": "set train.seed", "buf": "remove it"},
    "native": {
        "seed": "set seed",
        "num_threads": "set trainer.num_workers",
        "num_groups": "set trainer.async_factor",
        "first_world": "remove it",
        "buf": "remove it",
    },
}


def given_options(loaded: Loaded[Any], trainer: Literal["puffer", "native"]) -> list[Problem]:
    """Options under env that the trainer of this project gives to the environment itself."""
    return [
        Problem("the trainer gives this itself", remedy, f"env.{option}", value, loaded.source(f"env.{option}"))
        for option, value in loaded.model.env.options.items()
        if (remedy := GIVEN[trainer].get(option))
    ]


def env_options(game: str) -> Mapping[str, Any]:
    """Options of a game and of the environment around it; those of the environment for an unknown game."""
    return {**GAMES.get(game, {}), **ENVIRONMENT}


def refusal(value: object, default: object) -> str:
    """Why a policy does not take `value`; empty when it does (policies/registry.py)."""
    if isinstance(default, int):
        return "" if type(value) is int and value > 0 else "must be a whole number above 0"
    return "" if isinstance(value, str) else "must be a text"

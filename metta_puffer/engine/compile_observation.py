"""What agents see: feature ids and the observation options of a config."""

import math
from typing import Any

from mettagrid.config.mettagrid_config import GameConfig

from metta_puffer import _engine
from metta_puffer.engine.compile_names import UINT8, UINT32, fill, in_range, text
from metta_puffer.engine.compile_rules import ABSENT, RuleCompiler
from metta_puffer.engine.errors import UnsupportedGame

MAX_WINDOW = 15
MAX_TOKENS = 2**20  # 157 cells of a 15x15 window, 256 tags and 255 resources of 16 digits each: never more
MAX_QUANTITY = 65535
FIXED_FEATURES = (
    "agent:group",
    "episode_completion_pct",
    "last_action",
    "last_reward",
    "goal",
    "vibe",
    "tag",
    "lp:east",
    "lp:west",
    "lp:north",
    "lp:south",
    "agent_id",
)
TERRITORY_SIDES = ("north", "south", "east", "west")
TERRITORY_FEATURES = {f"territory:{where}" for where in ("here", *TERRITORY_SIDES)}


def quantity_digits(base: int) -> int:
    """Tokens that the largest amount takes in this base."""
    return math.ceil(math.log(MAX_QUANTITY + 1, base))


def _digit_names(name: str, digits: int) -> list[str]:
    return [name, *(f"{name}:p{power}" for power in range(1, digits))]


def feature_ids(game: GameConfig) -> dict[str, int]:
    """Feature name to id; of two features with one name the later id holds. TypeError when ids exceed a byte."""
    digits = quantity_digits(game.obs.token_value_base)
    names = list(FIXED_FEATURES)
    for resource in game.resource_names:
        names += _digit_names(f"inv:{resource}", digits)
    if game.protocol_details_obs:
        names += [f"protocol_input:{resource}" for resource in game.resource_names]
        names += [f"protocol_output:{resource}" for resource in game.resource_names]
    for key in game.obs.global_obs.obs:
        names += _digit_names(text(key, "game.obs.global_obs.obs"), digits)
    if game.obs.aoe_mask:
        names.append("aoe_mask")
    if game.obs.global_obs.last_action_move:
        names.append("last_action_move")
    if not game.obs.territory and TERRITORY_FEATURES & game.obs.global_obs.obs.keys():
        raise UnsupportedGame("game.obs.global_obs.obs", f"a key of {sorted(TERRITORY_FEATURES)} turns territory on")
    if game.obs.territory:
        names += ["territory:here", *(f"territory:{side}" for side in TERRITORY_SIDES)]
    if len(names) > 256:
        raise TypeError(f"game.resource_names: observations need {len(names)} feature ids, at most 256 are possible")
    return {name: i for i, name in enumerate(names)}


def compile_observation(game: GameConfig, rules: RuleCompiler) -> Any:
    """The ObservationConfig of a game.

    As the published engine: RuntimeError for windows above 15x15, TypeError for numbers outside their type's range,
    ValueError or ZeroDivisionError for a base that is none. UnsupportedGame where that engine reads or writes out of
    bounds (even windows) or takes all memory.
    """
    obs = game.obs
    _check_tokens(game)
    _check_window(game)
    digits = quantity_digits(obs.token_value_base)
    ids = feature_ids(game)
    global_obs = obs.global_obs
    observed = [
        fill(
            _engine.ObservedValue(),
            f"game.obs.global_obs.obs.{name}",
            {"value": rules.value(value, f"game.obs.global_obs.obs.{name}"), "feature": ids[name]},
        )
        for name, value in global_obs.obs.items()
    ]
    radius = ABSENT
    if obs.observation_radius_value is not None:
        radius = rules.value(obs.observation_radius_value, "game.obs.observation_radius_value")
    return fill(
        _engine.ObservationConfig(),
        "game.obs",
        {
            "num_tokens": obs.num_tokens,
            "width": obs.width,
            "height": obs.height,
            "token_value_base": obs.token_value_base,
            "episode_completion": global_obs.episode_completion_pct,
            "last_action": global_obs.last_action,
            "last_action_move": global_obs.last_action_move,
            "last_reward": global_obs.last_reward,
            "local_position": global_obs.local_position,
            "territory": bool(obs.territory),
            "radius_value": radius,
            "features": _feature_record(ids, game),
            "inventory_digits": digits,
            "inventory_features": [
                ids[name] for resource in game.resource_names for name in _digit_names(f"inv:{resource}", digits)
            ],
            "values": observed,
        },
    )


def _check_tokens(game: GameConfig) -> None:
    base, num_tokens = game.obs.token_value_base, game.obs.num_tokens
    if base < 1:
        raise ValueError(f"game.obs.token_value_base = {base} is not a base: math domain error")
    if base == 1:
        raise ZeroDivisionError("game.obs.token_value_base = 1 is not a base: float division by zero")
    in_range(num_tokens, UINT32, "game.obs.num_tokens")
    if num_tokens > MAX_TOKENS:
        raise UnsupportedGame("game.obs.num_tokens", f"{num_tokens} is more than a window can hold: {MAX_TOKENS}")


def _check_window(game: GameConfig) -> None:
    obs = game.obs
    in_range(obs.width, UINT8, "game.obs.width")
    in_range(obs.height, UINT8, "game.obs.height")
    if obs.width > MAX_WINDOW or obs.height > MAX_WINDOW:
        raise RuntimeError(f"Observation window size ({obs.width}x{obs.height}) exceeds maximum packable size")
    for name, size in (("width", obs.width), ("height", obs.height)):
        if size < 1 or size % 2 == 0:
            raise UnsupportedGame(f"game.obs.{name}", f"{size} is not odd; the published engine corrupts its memory")


def _feature_record(ids: dict[str, int], game: GameConfig) -> Any:
    fields: dict[str, Any] = {
        "agent_group": ids["agent:group"],
        "episode_completion": ids["episode_completion_pct"],
        "last_action": ids["last_action"],
        "last_reward": ids["last_reward"],
        "vibe": ids["vibe"],
        "tag": ids["tag"],
        "agent_id": ids["agent_id"],
    } | {side: ids[f"lp:{side}"] for side in TERRITORY_SIDES}
    if game.obs.global_obs.last_action_move:
        fields["last_action_move"] = ids["last_action_move"]
    if game.obs.territory:
        fields["territory_here"] = ids["territory:here"]
        fields["territory_boundary"] = [ids[f"territory:{side}"] for side in TERRITORY_SIDES]
    return fill(_engine.FeatureIds(), "game.obs", fields)

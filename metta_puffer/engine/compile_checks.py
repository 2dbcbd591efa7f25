"""What the published engine refuses in a config beside its rules: what it cannot dump, and fields without effect."""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from mettagrid.base_config import Config
from mettagrid.config.mettagrid_config import GameConfig
from pydantic_core import PydanticSerializationError

from metta_puffer.engine.compile_names import INT32, UINT16, Names, flag, in_range, text
from metta_puffer.engine.errors import UnsupportedGame


def check_unused(game: GameConfig, names: Names) -> None:
    """Fields without effect on a world, which the published engine converts: the errors it raises over them."""
    _check_costs(game, names)
    flag(game.obs.global_obs.goal_obs, "game.obs.global_obs.goal_obs")
    for name in ("episode_truncates", "protocol_details_obs"):
        value = getattr(game, name)
        if value is None:
            raise UnsupportedGame(f"game.{name}", "the published engine misses it, or takes None for true")
        flag(value, f"game.{name}")
    estimates = {} if game.reward_estimates is None else game.reward_estimates
    if not isinstance(estimates, dict):
        raise TypeError(f"game.reward_estimates = {estimates!r} is no mapping from names to numbers")
    for name, value in estimates.items():
        if not isinstance(value, Real):
            raise TypeError(f"game.reward_estimates.{text(name, 'game.reward_estimates')} = {value!r} is no number")


def check_written(game: GameConfig) -> None:
    """ValueError for a config that cannot be written out, which the published engine does first.

    A field of an enumeration (`target`, `scope`, `entity`) must hold its member, no plain string, even where unused.
    """
    try:
        game.model_dump(warnings=False)
    except PydanticSerializationError as error:
        path = _unwritable(game, "game") or "game"
        raise ValueError(
            f"{path}: {error}; a target, scope or entity that is assigned takes a member of its enumeration, no string"
        ) from error


def _check_costs(game: GameConfig, names: Names) -> None:
    """Actions cost nothing and attacks never happen, whatever the config says."""
    for name in ("noop", "move", "attack", "change_vibe"):
        action, path = getattr(game.actions, name), f"game.actions.{name}"
        if not action.enabled:
            continue
        unknown = [resource for resource in action.consumed_resources if resource not in names.resources]
        if unknown:
            raise ValueError(f"{path}.consumed_resources: unknown resources {unknown}")
        _check_amounts(action.consumed_resources, UINT16, names, f"{path}.consumed_resources")
        if action.required_resources:
            _check_amounts(action.required_resources, UINT16, names, f"{path}.required_resources")
    attack, path = game.actions.attack, "game.actions.attack"
    flag(attack.enabled, f"{path}.enabled")
    for field in ("defense_resources", "armor_resources", "weapon_resources"):
        _check_amounts(getattr(attack, field), UINT16, names, f"{path}.{field}")
    for field in ("actor_inv_delta", "target_inv_delta"):
        _check_amounts(getattr(attack.success, field), INT32, names, f"{path}.success.{field}")
    for resource in attack.success.loot:
        names.resource(resource, f"{path}.success.loot")
    for vibe in [*attack.vibes, *attack.vibe_bonus]:
        if vibe not in names.vibes:
            raise ValueError(f"{path}: unknown vibe {vibe!r}")
    for vibe, bonus in attack.vibe_bonus.items():
        in_range(bonus, INT32, f"{path}.vibe_bonus.{vibe}")


def _check_amounts(amounts: Mapping[str, int], bounds: tuple[int, int], names: Names, path: str) -> None:
    for resource, amount in amounts.items():
        names.resource(resource, path)
        in_range(amount, bounds, f"{path}.{resource}")


def _unwritable(node: Any, path: str) -> str | None:
    """Path of the innermost config that cannot be written on its own."""
    parts: Iterable[tuple[str, Any]] = ()
    if isinstance(node, Config):
        parts = ((f"{path}.{name}", value) for name, value in node)
    elif isinstance(node, dict):
        parts = ((f"{path}.{key}", value) for key, value in node.items())
    elif isinstance(node, list):
        parts = ((f"{path}[{i}]", value) for i, value in enumerate(node))
    for where, part in parts:
        if found := _unwritable(part, where):
            return found
    if isinstance(node, Config):
        try:
            node.model_dump(warnings=False)
        except PydanticSerializationError:
            return path
    return None

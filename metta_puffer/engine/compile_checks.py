"""Configs that the published engine refuses before it looks at their rules."""

from collections.abc import Iterable
from typing import Any

from mettagrid.base_config import Config
from mettagrid.config.mettagrid_config import GameConfig
from pydantic_core import PydanticSerializationError

from metta_puffer.engine.compile_names import flag, text
from metta_puffer.engine.errors import UnsupportedGame


def check_unused(game: GameConfig) -> None:
    """Fields that have no effect on a world but that the published engine converts: TypeError for those it refuses."""
    flag(game.obs.global_obs.goal_obs, "game.obs.global_obs.goal_obs")
    for name in ("episode_truncates", "protocol_details_obs"):
        value = getattr(game, name)
        if not isinstance(value, bool):  # None is missed there, or taken to be true
            raise UnsupportedGame(f"game.{name}", f"{value!r} is neither True nor False")
    estimates = {} if game.reward_estimates is None else game.reward_estimates
    if not isinstance(estimates, dict):
        raise TypeError(f"game.reward_estimates = {estimates!r} is no mapping from names to numbers")
    for name, value in estimates.items():
        if not isinstance(value, (int, float)):
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

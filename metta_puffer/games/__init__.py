"""Named games as functions that return a MettaGridConfig."""

from typing import Any

from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.games import arena, navigation
from metta_puffer.games.options import Game

__all__ = ["game_options", "list_games", "make_game"]

_GAMES: dict[str, Game[Any]] = {
    "arena": Game(arena.ArenaOptions, arena.DEFAULT_AGENTS, arena.MAX_AGENTS, arena.make_arena),
    "navigation": Game(
        navigation.NavigationOptions, navigation.DEFAULT_AGENTS, navigation.MAX_AGENTS, navigation.make_navigation
    ),
}


def list_games() -> list[str]:
    return sorted(_GAMES)


def game_options(name: str) -> dict[str, Any]:
    """The options of a game with their defaults. UserError when there is no such game."""
    return {key: field.default for key, field in _find(name).options.model_fields.items()}


def make_game(name: str, num_agents: int | None = None, **options: Any) -> MettaGridConfig:
    """The config of a named game with `num_agents` agents a world (None: the game's own number).

    UserError for an unknown game or option (with the nearest known name) and for values that do not fit.
    """
    return _find(name).make(num_agents, options)


def _find(name: str) -> Game[Any]:
    if name not in _GAMES:
        raise UserError(
            f"there is no such game.{did_you_mean(name, _GAMES)}",
            key="game",
            value=name,
            remedy=f"use one of {', '.join(list_games())}",
        )
    return _GAMES[name]

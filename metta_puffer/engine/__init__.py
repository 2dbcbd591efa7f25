"""One world for one episode, whichever engine runs it."""

from typing import Literal

from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer.engine.errors import UnsupportedGame
from metta_puffer.engine.world import World
from metta_puffer.errors import UserError, did_you_mean

__all__ = ["UnsupportedGame", "World", "open_world"]

ENGINES = ("native", "published")


def check_engine(engine: str) -> None:
    """UserError unless `engine` is a known name."""
    if engine not in ENGINES:
        raise UserError(
            f"there is no such engine.{did_you_mean(engine, ENGINES)}",
            key="engine",
            value=engine,
            remedy=f"use one of {', '.join(ENGINES)}",
        )


def open_world(
    config: MettaGridConfig,
    grid: list[list[str]] | None = None,
    seed: int = 0,
    engine: Literal["native", "published"] = "native",
) -> World:
    """One world at its first observation.

    `grid` holds cell names, row 0 first, agents named by team or already by agent; None builds it from
    `config.game.map_builder` with `seed`. `seed` is a uint32. `config` and `grid` are left unchanged.

    Raises UnsupportedGame (naming the config path) when the native engine lacks a feature of the game.
    """
    check_engine(engine)
    if engine == "published":
        from metta_puffer.engine.published import PublishedWorld

        return PublishedWorld(config, grid, seed)
    try:
        from metta_puffer.engine.native import NativeWorld
    except ModuleNotFoundError as error:
        if error.name != "metta_puffer.engine.native":
            raise
        raise UserError(
            "the native engine is not built", key="engine", value=engine, remedy="use engine='published'"
        ) from error
    return NativeWorld(config, grid, seed)

"""One world for one episode, or a batch of worlds, whichever engine runs them."""

from importlib import import_module
from types import ModuleType

from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer.engine.batch import EndedEpisode, WorldBatch, WorldBuffers
from metta_puffer.engine.errors import UnsupportedGame, WorldError, WorldFailure
from metta_puffer.engine.world import World
from metta_puffer.engines import DEFAULT_ENGINE, ENGINES, EngineName
from metta_puffer.errors import UserError, did_you_mean

__all__ = [
    "ENGINES",
    "EndedEpisode",
    "EngineName",
    "UnsupportedGame",
    "World",
    "WorldBatch",
    "WorldBuffers",
    "WorldError",
    "WorldFailure",
    "check_engine",
    "open_batch",
    "open_world",
]


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
    engine: EngineName = DEFAULT_ENGINE,
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
    world: World = _native_engine().NativeWorld(config, grid, seed)
    return world


def open_batch(
    config: MettaGridConfig,
    worlds: int,
    buffers: WorldBuffers,
    engine: EngineName = DEFAULT_ENGINE,
    num_threads: int = 1,
    *,
    map_pool: int = 0,
    num_groups: int = 1,
) -> WorldBatch:
    """`worlds` worlds over `buffers`, none begun yet. `config` is left unchanged.

    `map_pool`: how many maps the game's episodes share, map seeds being taken modulo this; 0 for a map of its own for
    every map seed.

    `num_threads` threads step the native engine's worlds, in `num_groups` groups of equally many; the published engine
    holds the interpreter lock while it steps, so it takes 1 of each only (UserError). Raises UnsupportedGame as
    `open_world` does.
    """
    check_engine(engine)
    if engine == "published":
        for name, number in (("num_threads", num_threads), ("num_groups", num_groups)):
            if number != 1:
                raise UserError(
                    "the published engine steps its worlds one after the other",
                    key=name,
                    value=number,
                    remedy=f"use {name}=1 with more worker processes, or engine='native'",
                )
        from metta_puffer.engine.published import PublishedBatch

        return PublishedBatch(config, worlds, buffers, map_pool=map_pool)
    batch: WorldBatch = _native_engine().NativeBatch(
        config, worlds, buffers, num_threads, map_pool=map_pool, num_groups=num_groups
    )
    return batch


def _native_engine() -> ModuleType:
    try:
        return import_module("metta_puffer.engine.native")
    except ImportError as error:
        raise UserError(
            f"the native engine cannot be loaded: {error}",
            key="engine",
            value="native",
            remedy="use engine='published'",
        ) from error

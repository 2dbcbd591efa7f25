"""The published `mettagrid` wheel behind the World and the WorldBatch protocol.

The wheel keeps the ids of its fixed observation features in process-wide variables that every new world
overwrites (spec 10.4): worlds of different configs must not take turns in one process.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_c_config import convert_to_cpp_game_config
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.mettagrid_c import MettaGrid

from metta_puffer.engine.batch import WorldBuffers
from metta_puffer.engine.maps import Grid, build_grid, rename_agents
from metta_puffer.errors import UserError

TOKEN_OVERFLOW_STAT = "token_overflow"


class PublishedGame:
    """A config converted for the wheel once, from which any number of worlds can be built."""

    def __init__(self, config: MettaGridConfig) -> None:
        # The conversion fills `game.agents` in place, so it gets a copy.
        self.config = config.model_copy(deep=True)
        self._converted, self._renames = convert_to_cpp_game_config(self.config.game)

    def build(self, grid: Grid, seed: int) -> MettaGrid:
        """A world at its first observation. `seed`: uint32, seeds the engine's random numbers only."""
        return MettaGrid(self._converted, rename_agents(grid, self._renames), seed)


def end_on_game_stats(simulation: MettaGrid, thresholds: dict[str, float], truncations: npt.NDArray[np.bool_]) -> None:
    """Sets `truncations` once a game stat reaches its threshold (`game.end_episode_on_game_stats`).

    The wheel leaves this rule to its Python simulator; it is therefore part of a world here.
    """
    for name, threshold in thresholds.items():
        value = simulation.get_game_stat(name)
        if value is not None and value >= threshold:
            truncations[:] = True
            return


def is_token_overflow(error: RuntimeError) -> bool:
    """Whether the wheel stopped because an agent saw more than `obs.num_tokens` tokens (spec 1.7)."""
    return "token budget exceeded" in str(error)


class PublishedWorld:
    """One world, one episode (see `metta_puffer.engine.world.World`)."""

    def __init__(self, config: MettaGridConfig, grid: Grid | None = None, seed: int = 0) -> None:
        game = PublishedGame(config)
        self._simulation = game.build(build_grid(config, seed) if grid is None else grid, seed)
        self._thresholds = dict(config.game.end_episode_on_game_stats)
        self._actions = self._simulation.actions()
        self._vibe_actions = self._simulation.vibe_actions()
        self.observations: npt.NDArray[np.uint8] = self._simulation.observations()
        self.rewards: npt.NDArray[np.float32] = self._simulation.rewards()
        self.terminals: npt.NDArray[np.bool_] = self._simulation.terminals()
        self.truncations: npt.NDArray[np.bool_] = self._simulation.truncations()
        self.action_success: npt.NDArray[np.bool_] = np.zeros(len(self.rewards), dtype=np.bool_)

    def step(self, actions: npt.NDArray[np.int32], vibe_actions: npt.NDArray[np.int32] | None = None) -> None:
        self._actions[:] = actions
        self._vibe_actions[:] = 0 if vibe_actions is None else vibe_actions
        self._simulation.step()
        self.action_success[:] = self._simulation.action_success()
        if self._thresholds:
            end_on_game_stats(self._simulation, self._thresholds, self.truncations)

    def episode_stats(self) -> dict[str, Any]:
        return dict(self._simulation.get_episode_stats())

    def set_inventory(self, agent: int, amounts: dict[int, int]) -> None:
        self._simulation.set_inventory(agent, amounts)

    def grid_objects(self) -> dict[int, dict[str, Any]]:
        return self._simulation.grid_objects()

    def close(self) -> None:
        del self._simulation


class PublishedBatch:
    """Worlds of one game, one after the other on the caller's thread (see `metta_puffer.engine.batch.WorldBatch`).

    Every world writes straight into its rows of the buffers. A world in which an agent sees more tokens than
    `obs.num_tokens` is undefined afterwards (spec 1.7); its episode is truncated there and its game stat
    `token_overflow` is 1, so that one crowded corner does not end a long training run.
    """

    def __init__(self, config: MettaGridConfig, worlds: int, buffers: WorldBuffers) -> None:
        self._game = PublishedGame(config)
        self._thresholds = dict(config.game.end_episode_on_game_stats)
        agents = config.game.num_agents
        self._rows = [slice(world * agents, (world + 1) * agents) for world in range(worlds)]
        self._buffers = buffers
        self._simulations: list[MettaGrid | None] = [None] * worlds
        self._overflowed = [False] * worlds

    def begin_episode(self, world: int, engine_seed: int, map_seed: int) -> None:
        rows, buffers = self._rows[world], self._buffers
        grid = build_grid(self._game.config, map_seed)
        try:
            simulation = self._game.build(grid, engine_seed)
            simulation.set_buffers(
                buffers.observations[rows],
                buffers.terminals[rows],
                buffers.truncations[rows],
                buffers.rewards[rows],
                buffers.actions[rows],
                buffers.vibe_actions[rows],
            )
        except RuntimeError as error:
            if not is_token_overflow(error):
                raise
            raise UserError(
                f"the first observation does not fit: {error}",
                key="game.obs.num_tokens",
                value=self._game.config.game.obs.num_tokens,
                remedy="raise num_tokens, or place fewer agents and objects",
            ) from error
        self._simulations[world] = simulation
        self._overflowed[world] = False

    def step(self) -> None:
        for world, simulation in enumerate(self._simulations):
            assert simulation is not None
            try:
                simulation.step()
            except RuntimeError as error:
                if not is_token_overflow(error):
                    raise
                self._overflowed[world] = True
                self._buffers.truncations[self._rows[world]] = True
            if self._thresholds:
                end_on_game_stats(simulation, self._thresholds, self._buffers.truncations[self._rows[world]])

    def episode_rewards(self, world: int) -> npt.NDArray[np.float32]:
        return self._simulation(world).get_episode_rewards()

    def episode_stats(self, world: int) -> dict[str, Any]:
        stats: dict[str, Any] = dict(self._simulation(world).get_episode_stats())
        if self._overflowed[world]:
            stats["game"][TOKEN_OVERFLOW_STAT] = 1.0
        return stats

    def grid_objects(self, world: int) -> dict[int, dict[str, Any]]:
        return self._simulation(world).grid_objects()

    def close(self) -> None:
        self._simulations = [None] * len(self._simulations)

    def _simulation(self, world: int) -> MettaGrid:
        simulation = self._simulations[world]
        assert simulation is not None
        return simulation

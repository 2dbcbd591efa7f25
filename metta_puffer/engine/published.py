"""The published `mettagrid` wheel behind the World protocol.

The wheel keeps the ids of its fixed observation features in process-wide variables that every new world
overwrites (spec 10.4): worlds of different configs must not take turns in one process.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_c_config import convert_to_cpp_game_config
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.mettagrid_c import MettaGrid

from metta_puffer.engine.maps import Grid, build_grid, rename_agents


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

"""The native engine behind the World protocol."""

from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer import _engine
from metta_puffer.engine.compile import NativeGame, compile_game
from metta_puffer.engine.maps import Grid, build_grid


class NativeWorld:
    """One world, one episode (see `metta_puffer.engine.world.World`)."""

    def __init__(self, config: MettaGridConfig, grid: Grid | None = None, seed: int = 0) -> None:
        self._game = compile_game(config)
        cells = self._game.compile_map(build_grid(config, seed) if grid is None else grid)
        agents = self._game.num_agents
        self.observations: npt.NDArray[np.uint8] = np.empty((agents, self._game.num_tokens, 3), dtype=np.uint8)
        self.rewards: npt.NDArray[np.float32] = np.zeros(agents, dtype=np.float32)
        self.terminals: npt.NDArray[np.bool_] = np.zeros(agents, dtype=np.bool_)
        self.truncations: npt.NDArray[np.bool_] = np.zeros(agents, dtype=np.bool_)
        self.action_success: npt.NDArray[np.bool_] = np.zeros(agents, dtype=np.bool_)
        self._world = _engine.World(self._game.compiled, cells, seed)
        self._world.attach(self.observations, self.rewards, self.terminals, self.truncations)

    def step(self, actions: npt.NDArray[np.int32], vibe_actions: npt.NDArray[np.int32] | None = None) -> None:
        """Raises RuntimeError when a rule breaks or an agent's tokens exceed the budget; the world then stands still.

        TypeError or ValueError for actions that are not C-contiguous int32 [agents].
        """
        self._world.step(actions, vibe_actions)
        self.action_success[:] = self._world.action_success()

    def episode_stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self._world.episode_stats()
        return stats

    def set_inventory(self, agent: int, amounts: dict[int, int]) -> None:
        self._world.set_inventory(agent, list(amounts.items()))

    def grid_objects(self) -> dict[int, dict[str, Any]]:
        return {record["id"]: published_record(record, self._game) for record in self._world.object_records()}

    def close(self) -> None:
        del self._world


def published_record(record: dict[str, Any], game: NativeGame) -> dict[str, Any]:
    """An object as the published engine's `grid_objects()` describes it: its fields and its observation features."""
    fields: dict[str, Any] = {
        "id": record["id"],
        "type_name": record["type_name"],
        "location": (record["c"], record["r"]),
        "r": record["r"],
        "c": record["c"],
        "inventory": record["inventory"],
        "inventory_capacities": record["inventory_capacities"],
        "tag_ids": record["tag_ids"],
    }
    if record["tag_ids"]:
        fields["tag"] = record["tag_ids"][-1]
    if record["vibe"]:
        fields["vibe"] = record["vibe"]
    return fields

"""The native engine behind the World protocol."""

from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer import _engine
from metta_puffer.engine.compile import NativeGame, compile_game
from metta_puffer.engine.maps import Grid, build_grid

AGENT_FIELDS = (
    "group_id",
    "group_name",
    "vibe",
    "agent_id",
    "last_action_id",
    "last_animation_id",
    "current_stat_reward",
    "steps_without_motion",
)


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
    }
    fields |= _observed_features(record, game)
    fields["inventory"] = record["inventory"]
    fields["inventory_capacities"] = record["inventory_capacities"]
    fields["tag_ids"] = record["tag_ids"]
    if "agent_id" in record:
        fields |= {name: record[name] for name in AGENT_FIELDS}
    return fields


def _observed_features(record: dict[str, Any], game: NativeGame) -> dict[str, int]:
    """The value of the last token of every feature of the object. Spawned objects hide what they hold."""
    features = {}
    if record["tag_ids"]:
        features["tag"] = record["tag_ids"][-1]
    if record["vibe"]:
        features["vibe"] = record["vibe"]
    if "agent_id" in record:
        features["agent:group"] = record["group_id"]
        features["agent_id"] = record["agent_id"] & 0xFF
    held = {} if record["spawned"] else record["inventory"]
    for resource, amount in held.items():
        name, rest = f"inv:{game.resource_names[resource]}", amount
        features[name] = rest % game.token_value_base & 0xFF
        power = 0
        while rest := rest // game.token_value_base:
            power += 1
            features[f"{name}:p{power}"] = rest % game.token_value_base & 0xFF
    return features

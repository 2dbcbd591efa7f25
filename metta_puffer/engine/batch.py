"""The WorldBatch protocol: many worlds of one game over one set of buffers, whichever engine runs them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class WorldBuffers:
    """What worlds write to and read from. All arrays are C-contiguous.

    Row `world * agents + agent` is agent `agent` of world `world`; the first axis of every array has that many rows.
    """

    observations: npt.NDArray[np.uint8]  # [rows, tokens, 3]
    rewards: npt.NDArray[np.float32]  # [rows]
    terminals: npt.NDArray[np.bool_]  # [rows]
    truncations: npt.NDArray[np.bool_]  # [rows]
    actions: npt.NDArray[np.int32]  # [rows], indices of the engine's action table
    vibe_actions: npt.NDArray[np.int32]  # [rows], indices of the engine's action table, 0 for none


class WorldBatch(Protocol):
    """Worlds in lock step. No world runs before its first `begin_episode`, and none resets itself."""

    def begin_episode(self, world: int, engine_seed: int, map_seed: int) -> None:
        """Replaces the world by a fresh one: first observation written, rewards and flags of its rows cleared.

        `engine_seed`: uint32 for the engine's random numbers; `map_seed`: non-negative, for the map builder.
        """
        ...

    def step(self) -> None:
        """One step of every world with the actions in its rows."""
        ...

    def episode_rewards(self, world: int) -> npt.NDArray[np.float32]:
        """[agents]: rewards of the running episode summed, in float32."""
        ...

    def episode_stats(self, world: int) -> dict[str, Any]:
        """As `World.episode_stats`."""
        ...

    def grid_objects(self, world: int) -> dict[int, dict[str, Any]]:
        """As `World.grid_objects`."""
        ...

    def close(self) -> None: ...

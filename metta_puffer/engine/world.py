"""The World protocol: one world, one episode, whichever engine runs it."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class World(Protocol):
    """All arrays are views of what the engine writes, and the caller's to read only.

    A step writes where something changed, so what a caller writes may stay there.
    """

    observations: npt.NDArray[np.uint8]  # [agents, tokens, 3]: packed location, feature id, value
    rewards: npt.NDArray[np.float32]  # [agents]
    terminals: npt.NDArray[np.bool_]  # [agents]
    truncations: npt.NDArray[np.bool_]  # [agents]
    action_success: npt.NDArray[np.bool_]  # [agents]

    def step(self, actions: npt.NDArray[np.int32], vibe_actions: npt.NDArray[np.int32] | None = None) -> None: ...

    def episode_stats(self) -> dict[str, Any]:
        """`{"game": {name: float}, "agent": [{name: float}, ...]}`, as the published engine's get_episode_stats()."""
        ...

    def set_inventory(self, agent: int, amounts: dict[int, int]) -> None: ...

    def grid_objects(self) -> dict[int, dict[str, Any]]: ...

    def close(self) -> None: ...

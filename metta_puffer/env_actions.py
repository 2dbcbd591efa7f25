"""From the one number an agent sends to the engine's two action streams."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Discrete
from mettagrid.config.mettagrid_config import MettaGridConfig


class ActionCodec:
    """Numbers below P (primary actions: noop and the moves) are primary actions without a vibe; in a game with V
    vibes, `P + primary * V + vibe` is both. This is upstream's encoding (spec 8.5).
    """

    def __init__(self, config: MettaGridConfig) -> None:
        actions = config.game.actions
        self.primary = 1 + len(actions.move.allowed_directions)
        self.vibes = len(actions.change_vibe.vibes) if actions.change_vibe.enabled else 0

    @property
    def space(self) -> Discrete:
        """All numbers an agent may send."""
        return Discrete(self.primary * (self.vibes + 1))

    def decode(
        self, actions: npt.ArrayLike, primary: npt.NDArray[np.int32], vibe_actions: npt.NDArray[np.int32]
    ) -> None:
        """Writes indices of the engine's action table; 0 in `vibe_actions` means no vibe. All arrays: [rows].

        ValueError when an agent sends a number outside `space`: the engine would only count it as a failed action.
        ValueError for another shape, which numpy might stretch; TypeError for anything but whole numbers. `actions` may
        be what numpy makes an array of, such as a list or a tensor in this process's memory.
        """
        if not isinstance(actions, np.ndarray):
            actions = _as_array(actions)
        if actions.shape != primary.shape:
            raise ValueError(f"actions must have shape {primary.shape}, got {actions.shape}")
        if actions.dtype != np.int32:  # read as int32, a large number may become a valid one
            if actions.dtype.kind not in "iu":
                raise TypeError(f"actions must be whole numbers, got {actions.dtype}")
            if actions.min() < 0 or actions.max() >= self.space.n:
                raise _outside(actions, int(self.space.n))
        if self.vibes:
            if actions.min() < 0 or actions.max() >= self.space.n:
                raise _outside(actions, int(self.space.n))
            with_vibe = actions >= self.primary
            move, vibe = np.divmod(actions - self.primary, self.vibes)
            primary[:] = np.where(with_vibe, move, actions)
            vibe_actions[:] = np.where(with_vibe, self.primary + vibe, 0)
            return
        if actions is not primary:
            np.copyto(primary, actions, casting="same_kind")
        # As unsigned numbers negative ones are large: one comparison for both ends.
        if primary.view(np.uint32).max() >= self.primary:
            raise _outside(primary, self.primary)


def _outside(actions: npt.NDArray[Any], count: int) -> ValueError:
    return ValueError(f"actions must be 0 to {count - 1}, got {actions.min()} to {actions.max()}")


def _as_array(actions: npt.ArrayLike) -> npt.NDArray[Any]:
    kind = type(actions).__name__
    try:
        array = np.asarray(actions)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"actions must be an array of whole numbers, got a {kind}: {error}") from error
    if array.dtype.kind not in "iu":
        raise TypeError(f"actions must be an array of whole numbers, got a {kind} of {array.dtype}")
    return array

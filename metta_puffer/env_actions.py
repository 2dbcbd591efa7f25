"""From the one number an agent sends to the engine's two action streams."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Discrete
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer._engine import decode_actions


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
        be what numpy makes an array of, such as a list or a tensor in this process's memory; int32 and int64 are read
        as they stand, `primary` among them. A call that is refused has written nothing.
        """
        if not decode_actions(actions, primary, vibe_actions, self.primary, self.vibes):
            readable = self.as_int32(actions, primary.shape)
            decode_actions(readable, primary, vibe_actions, self.primary, self.vibes)

    def as_int32(self, actions: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
        """A copy, C-contiguous, of actions of any whole dtype and layout. Raises as `decode`."""
        array = actions if isinstance(actions, np.ndarray) else _as_array(actions)
        if array.shape != shape:
            raise ValueError(f"actions must have shape {shape}, got {array.shape}")
        if array.dtype.kind not in "iu":
            raise TypeError(f"actions must be whole numbers, got {array.dtype}")
        # A plain array: masked ones look at what is not masked. Checked before it becomes int32, where a large number
        # may be a valid one.
        numbers, count = np.array(array), int(self.space.n)
        if numbers.min() < 0 or numbers.max() >= count:
            raise ValueError(f"actions must be 0 to {count - 1}, got {numbers.min()} to {numbers.max()}")
        return numbers.astype(np.int32)


def _as_array(actions: npt.ArrayLike) -> npt.NDArray[Any]:
    kind = type(actions).__name__
    try:
        array = np.asarray(actions)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"actions must be an array of whole numbers, got a {kind}: {error}") from error
    if array.dtype.kind not in "iu":
        raise TypeError(f"actions must be an array of whole numbers, got a {kind} of {array.dtype}")
    return array

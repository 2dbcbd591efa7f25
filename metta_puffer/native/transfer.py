"""Copies between the worlds' buffers in host memory and the policy's device that do not stop the processor.

A GPU fetches page-locked memory by itself. Copies and kernels of one stream run in order, so when the actions have
arrived on the host, what was copied to the device before them has been read, and the worlds may overwrite it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# What an environment reads and writes, under PufferLib's names.
_BUFFERS = ("observations", "rewards", "terminals", "truncations", "teacher_actions", "masks", "actions")


def page_locked_buffers(env: Any, agents: int) -> dict[str, npt.NDArray[Any]]:
    """Page-locked buffers of `agents` rows for an environment like `env`, every row as the first one of `env`."""
    rows = {name: np.repeat(getattr(env, name)[:1], agents, axis=0) for name in _BUFFERS}
    return {name: torch.from_numpy(array).pin_memory().numpy() for name, array in rows.items()}


def to_device(array: npt.NDArray[Any], device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """The array as a tensor on the device; on the CPU it shares the array's memory where the dtype is the same."""
    return torch.from_numpy(array).to(device, dtype, non_blocking=True)


class ActionsToHost:
    """Actions int64 [n] on their way to the worlds: what the device is given to do meanwhile is not waited for."""

    def __init__(self, actions: Tensor) -> None:
        self._actions = actions.to(torch.int32)
        self._arrived: torch.cuda.Event | None = None
        if actions.is_cuda:
            on_host = torch.empty(actions.shape, dtype=torch.int32, pin_memory=True)
            self._actions = on_host.copy_(self._actions, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def numpy(self) -> npt.NDArray[np.int32]:
        """int32 [n], when they have arrived."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._actions.numpy()

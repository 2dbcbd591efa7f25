"""Who acts in `simulate`: a trained policy, or nobody in particular."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn


class RandomActor:
    """Every action equally likely, whatever is seen."""

    def __init__(self, num_actions: int, seed: int) -> None:
        self._num_actions = num_actions
        self._rng = np.random.default_rng(seed)

    def act(self, observations: npt.NDArray[np.uint8], first: bool) -> npt.NDArray[np.int32]:
        return self._rng.integers(0, self._num_actions, len(observations), dtype=np.int32)


class PolicyActor:
    """A policy with frozen weights, called as both trainers call it: `forward_eval(observations, state)`.

    Actions are the likeliest ones (`deterministic`) or drawn with `seed`. `policy` is put into eval mode and stays on
    the device it is on.
    """

    def __init__(self, policy: nn.Module, *, deterministic: bool, seed: int = 0) -> None:
        self._policy = policy.eval()
        self._deterministic = deterministic
        self._device = next(policy.parameters()).device
        self._generator = torch.Generator(device=self._device).manual_seed(seed)
        self._state: dict[str, Any] = {}

    @torch.no_grad()
    def act(self, observations: npt.NDArray[np.uint8], first: bool) -> npt.NDArray[np.int64]:
        if first:
            self._state = {}
        seen = torch.from_numpy(observations).to(self._device)
        logits, _ = self._policy.forward_eval(seen, self._state)  # type: ignore[operator]
        if self._deterministic:
            actions = logits.argmax(dim=-1)
        else:
            probabilities = torch.softmax(logits.float(), dim=-1)
            actions = torch.multinomial(probabilities, 1, generator=self._generator)[:, 0]
        chosen: npt.NDArray[np.int64] = actions.cpu().numpy()
        return chosen

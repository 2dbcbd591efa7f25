"""What every policy shares: the calling convention of both trainers, a core with resets, an actor and a critic."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from metta_puffer.policies.core import Core
from metta_puffer.policies.lstm_core import LSTMCore

State = dict[str, Any]


class ActorCritic(nn.Module, ABC):
    """Base of the policies. Subclasses give `encode`: uint8 tokens [n, tokens, 3] -> [n, width].

    With `recurrent` a core stands between the encoding and the two heads: `core`, or an LSTM where none is given.
    `hidden_size` is what both trainers size the carried state by, whatever it is made of: the width of each of its
    two tensors, which for the LSTM is `width`. Both trainers call a policy the same way:

    * `forward_eval(tokens [n, tokens, 3], state)` -> logits [n, actions], values [n, 1]; reads and replaces
      `state["lstm_h"]` and `state["lstm_c"]` [n, hidden] (None means zeros).
    * `forward(tokens [rows, T, tokens, 3], state)` -> logits [rows*T, actions], values [rows, T]; starts from
      `state["lstm_h"]`, `state["lstm_c"]` [rows, hidden] (None means zeros) and, where given, resets the state at
      `state["resets"]` [rows, T] (not 0: observation t is the first of an episode). Without recurrence it also takes
      [n, tokens, 3], as PuffeRL passes them, and then gives values [n, 1].
    """

    def __init__(self, width: int, num_actions: int, *, recurrent: bool, core: Core | None = None) -> None:
        super().__init__()
        self.num_actions, self.recurrent = num_actions, recurrent
        self.core = (core or LSTMCore(width, width)) if recurrent else None
        self.hidden_size = width if self.core is None else self.core.state_size
        self.actor = linear(width, num_actions, gain=0.01)
        self.critic = linear(width, 1, gain=1.0)

    def estimate_quantiles(self, number: int) -> None:
        """From now on the critic estimates so many quantiles of the return, and the value is their mean."""
        self.critic = linear(self.critic.in_features, number, gain=1.0)

    def _value(self, x: Tensor) -> Tensor:
        """[n, width] -> [n, 1]"""
        return self.critic(x).mean(-1, keepdim=True)

    @abstractmethod
    def encode(self, tokens: Tensor) -> Tensor: ...

    def _initial(self, state: State, n: int, like: Tensor) -> tuple[Tensor, Tensor]:
        h, c = state.get("lstm_h"), state.get("lstm_c")
        if h is None or c is None:
            h = c = torch.zeros(n, self.hidden_size, device=like.device, dtype=torch.float32)
        return h, c

    def forward_eval(self, observations: Tensor, state: State) -> tuple[Tensor, Tensor]:
        x = self.encode(observations)
        if self.core is not None:
            h, c = self._initial(state, len(x), x)
            x, h, c = self.core.step(x, h, c)
            state["hidden"], state["lstm_h"], state["lstm_c"] = x, h, c
        return self.actor(x), self._value(x)

    def forward(self, observations: Tensor, state: State) -> tuple[Tensor, Tensor]:
        x = self.encode(observations.flatten(0, -3))
        if self.core is None:
            return self.actor(x), self._value(x).view(*observations.shape[:-2], *(1,) * (observations.ndim == 3))
        rows, horizon = observations.shape[:2]
        h, c = self._initial(state, rows, x)
        out, h, c = self.core.sequence(x.view(rows, horizon, -1), h, c, state.get("resets"))
        out = out.float()
        state["hidden"], state["lstm_h"], state["lstm_c"] = out, h.detach(), c.detach()
        flat = out.flatten(0, 1)
        return self.actor(flat), self._value(flat).view(rows, horizon)


def linear(inputs: int, outputs: int, gain: float = 2.0**0.5) -> nn.Linear:
    """A linear layer with orthogonal weights and no bias at the start."""
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution with orthogonal weights and no bias at the start."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride)
    nn.init.orthogonal_(layer.weight, 2.0**0.5)
    assert layer.bias is not None  # for the type checker: bias is on by default
    nn.init.zeros_(layer.bias)
    return layer

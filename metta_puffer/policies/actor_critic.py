"""What every policy shares: the calling convention of both trainers, an LSTM with resets, an actor and a critic."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Any]


class LSTMCore(nn.Module):
    """One LSTM layer that runs a step or a sequence with the same weights and can be reset in mid-sequence."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        for name, parameter in self.lstm.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """x [n, input], h and c [n, hidden] -> new h, c."""
        weights: Sequence[Tensor] = self.lstm.all_weights[0]
        return torch.lstm_cell(x, (h, c), *weights)

    def sequence(self, x: Tensor, h: Tensor, c: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """x [rows, T, input], h and c [rows, hidden], resets [rows, T] or None -> outputs [rows, T, hidden], h, c.

        Where `resets[:, t]` is not 0 the state is zeroed before observation t is read.
        """
        horizon = x.shape[1]
        starts = [0]
        if resets is not None:
            starts = sorted({0, *resets.any(0).nonzero().flatten().tolist()})
        outputs = []
        # Whole stretches between resets run in one call; a reset is a rare event.
        for start, stop in zip(starts, [*starts[1:], horizon], strict=True):
            if resets is not None:
                keep = (resets[:, start] == 0).to(h.dtype)[:, None]
                h, c = h * keep, c * keep
            out, (h_last, c_last) = self.lstm(x[:, start:stop], (h[None].contiguous(), c[None].contiguous()))
            h, c = h_last[0], c_last[0]
            outputs.append(out)
        return (outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)), h, c


class ActorCritic(nn.Module, ABC):
    """Base of the policies. Subclasses give `encode`: uint8 tokens [n, tokens, 3] -> [n, hidden].

    With `recurrent` an LSTM stands between the encoding and the two heads. Both trainers call it the same way:

    * `forward_eval(tokens [n, tokens, 3], state)` -> logits [n, actions], values [n, 1]; reads and replaces
      `state["lstm_h"]` and `state["lstm_c"]` [n, hidden] (None means zeros).
    * `forward(tokens [rows, T, tokens, 3], state)` -> logits [rows*T, actions], values [rows, T]; starts from
      `state["lstm_h"]`, `state["lstm_c"]` [rows, hidden] (None means zeros) and, where given, resets the state at
      `state["resets"]` [rows, T] (not 0: observation t is the first of an episode). Without recurrence it also takes
      [n, tokens, 3], as PuffeRL passes them, and then gives values [n, 1].
    """

    def __init__(self, hidden_size: int, num_actions: int, *, recurrent: bool) -> None:
        super().__init__()
        self.hidden_size, self.num_actions, self.recurrent = hidden_size, num_actions, recurrent
        self.core = LSTMCore(hidden_size, hidden_size) if recurrent else None
        self.actor = linear(hidden_size, num_actions, gain=0.01)
        self.critic = linear(hidden_size, 1, gain=1.0)

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
            x, c = self.core.step(x, h, c)
            state["hidden"], state["lstm_h"], state["lstm_c"] = x, x, c
        return self.actor(x), self.critic(x)

    def forward(self, observations: Tensor, state: State) -> tuple[Tensor, Tensor]:
        x = self.encode(observations.flatten(0, -3))
        if self.core is None:
            return self.actor(x), self.critic(x).view(*observations.shape[:-2], *(1,) * (observations.ndim == 3))
        rows, horizon = observations.shape[:2]
        h, c = self._initial(state, rows, x)
        out, h, c = self.core.sequence(x.view(rows, horizon, -1), h, c, state.get("resets"))
        out = out.float()
        state["hidden"], state["lstm_h"], state["lstm_c"] = out, h.detach(), c.detach()
        flat = out.reshape(rows * horizon, self.hidden_size)
        return self.actor(flat), self.critic(flat).view(rows, horizon)


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

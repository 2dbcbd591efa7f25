"""The LSTM between encoding and heads."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.core import Core


class LSTMCore(Core):
    """One LSTM layer that runs a step or a sequence with the same weights and can be reset in mid-sequence."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.state_size = hidden_size
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        for name, parameter in self.lstm.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)
        # The layer's own parameters, within torch.compile's reach: it refuses to touch an nn.LSTM.
        self._weights: tuple[Tensor, ...] = tuple(self.lstm.all_weights[0])

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h, c = torch.lstm_cell(x, (h, c), *self._weights)
        return h, h, c

    def sequence(self, x: Tensor, h: Tensor, c: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if torch.compiler.is_compiling():
            return self._unrolled(x, h, c, resets)
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

    def _unrolled(self, x: Tensor, h: Tensor, c: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """`sequence` as a graph: torch.compile traces neither an nn.LSTM nor stretches of unknown length."""
        outputs = []
        for t in range(x.shape[1]):
            if resets is not None:
                keep = (resets[:, t] == 0).to(h.dtype)[:, None]
                h, c = h * keep, c * keep
            out, h, c = self.step(x[:, t], h, c)
            outputs.append(out)
        return torch.stack(outputs, dim=1), h, c

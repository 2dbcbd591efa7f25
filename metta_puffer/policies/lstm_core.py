"""The LSTM between encoding and heads."""

from collections.abc import Sequence

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

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights: Sequence[Tensor] = self.lstm.all_weights[0]
        h, c = torch.lstm_cell(x, (h, c), *weights)
        return h, h, c

    def sequence(self, x: Tensor, h: Tensor, c: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
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

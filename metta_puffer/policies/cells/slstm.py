"""The LSTM with exponential gates and a normalizer (xLSTM's sLSTM)."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.cells.base import Cell, State


class SLSTMCell(Cell):
    """Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", equations 8 to 18.

    Exponential input gate, sigmoid forget gate; the output feeds back within its head. State: h, c, the normalizer
    and the exponent by which c and the normalizer are scaled down, [width] each. The gates read the last output, so a
    sequence is worked through moment by moment. Parameters: 4 * width * (width + 1) + 4 * width**2 / heads.
    """

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 4 * width)
        self.feedback = nn.Parameter(torch.empty(heads, width // heads, 4 * (width // heads)))
        nn.init.normal_(self.feedback, std=(width // heads) ** -0.5)
        with torch.no_grad():
            self.inputs.bias.view(heads, 4, -1)[:, 1] = torch.linspace(3.0, 6.0, width // heads)  # remember
        self.state_shapes = ((width,),) * 4

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        outputs = []
        driven = self.inputs(x).float()
        h, c, normalizer, exponent = state
        with torch.autocast(x.device.type, enabled=False):
            for t in range(x.shape[1]):
                if resets is not None:
                    keep = (resets[:, t] == 0).to(h.dtype)[:, None]
                    h, c, normalizer, exponent = h * keep, c * keep, normalizer * keep, exponent * keep
                fed_back = torch.einsum("bhd,hde->bhe", h.view(len(h), self.heads, -1), self.feedback)
                gates = driven[:, t].view(len(h), self.heads, -1) + fed_back
                write, remember, value, show = (part.flatten(1) for part in gates.chunk(4, dim=-1))
                old = nn.functional.logsigmoid(remember) + exponent
                exponent = torch.maximum(old, write)
                old, new = (old - exponent).exp(), (write - exponent).exp()
                c = old * c + new * value.tanh()
                normalizer = old * normalizer + new
                h = show.sigmoid() * c / normalizer.clamp(min=1e-6)
                outputs.append(h)
        return torch.stack(outputs, dim=1), (h, c, normalizer, exponent)

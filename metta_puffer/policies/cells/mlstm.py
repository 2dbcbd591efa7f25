"""The LSTM with a matrix for its memory (xLSTM's mLSTM)."""

import torch
from torch import Tensor, nn

from metta_puffer.policies.cells.base import Cell, State, decay_sums, episode_index
from metta_puffer.policies.cells.conv import CausalConv

CHUNK = 64  # moments computed at once; the work of a chunk grows with its square


class MLSTMCell(Cell):
    """Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", equations 19 to 27 and appendix A.3.

    Queries and keys come from a causal convolution of the input, values from the input. Exponential input gate,
    sigmoid forget gate, one of each a head. With D = width / heads the state is, a head, the memory [D, D] (key by
    value), the normalizer [D] and the exponent m [] by which both are scaled down, and the convolution's inputs.
    """

    def __init__(self, width: int, heads: int = 4, taps: int = 4) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.conv = CausalConv(width, taps)
        self.query_key = nn.Linear(width, 2 * width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.gates = nn.Linear(width, 2 * heads)
        self.norm = nn.GroupNorm(heads, width)
        nn.init.normal_(self.gates.weight, std=0.02)
        with torch.no_grad():
            self.gates.bias[:heads] = 0.0
            self.gates.bias[heads:] = torch.linspace(3.0, 6.0, heads)  # remember, each head for a time of its own
        memory = (heads, self.head_width, self.head_width)
        # Heads last in the normalizer: torch 2.9 cannot compile a step that writes [heads, D] into the flat state.
        self.state_shapes = (memory, (self.head_width, heads), (heads,), *self.conv.state_shapes)

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        rows, horizon, width = x.shape
        mixed, taps = self.conv(x, state[3:], resets)
        mixed = nn.functional.silu(mixed)
        gates = self.gates(mixed).float()
        shape = rows, horizon, self.heads, self.head_width
        q, k = (part.reshape(shape).float() for part in self.query_key(mixed).chunk(2, dim=-1))
        v = self.value(x).reshape(shape).float()
        memory = state[:3]
        outputs = []
        with torch.autocast(x.device.type, enabled=False):
            for start in range(0, horizon, CHUNK):
                part = slice(start, start + CHUNK)
                episode = episode_index(
                    None if resets is None else resets[:, part], rows, q[:, part].shape[1], x.device
                )
                qkv = q[:, part] * self.head_width**-0.5, k[:, part], v[:, part]
                y, memory = self._chunk(qkv, gates[:, part], memory, episode)
                outputs.append(y)
        y = torch.cat(outputs, dim=1).reshape(rows * horizon, width)
        return self.norm(y).view(rows, horizon, width), (*memory, *taps)

    def _chunk(
        self, qkv: tuple[Tensor, Tensor, Tensor], gates: Tensor, memory: State, episode: Tensor
    ) -> tuple[Tensor, State]:
        """q, k, v [rows, T, heads, D], gates [rows, T, 2 * heads] -> y [rows, T, heads, D], state after moment T-1."""
        q, k, v = qkv
        matrix, normalizer, exponent = memory
        write, keep = gates.split(self.heads, dim=-1)
        between, before = decay_sums(nn.functional.logsigmoid(keep), episode)
        between = between + write.transpose(1, 2)[:, :, None, :]  # [rows, heads, t, s]
        before = before + exponent[..., None]  # [rows, heads, t]
        scale = torch.maximum(between.amax(-1), before)
        weights = (between - scale[..., None]).exp()
        carried = (before - scale).exp()
        scores = torch.einsum("bthd,bshd->bhts", q, k) * weights
        above = torch.einsum("bhts,bshd->bthd", scores, v)
        above = above + torch.einsum("bht,bthd,bhde->bthe", carried, q, matrix)
        below = scores.sum(-1) + carried * torch.einsum("bthd,bdh->bht", q, normalizer)
        # Not below 1 in unscaled numbers; the bound on the exponent only keeps exp() finite.
        below = torch.maximum(below.abs(), (-scale).clamp(max=60.0).exp())
        last, carried_last = weights[:, :, -1], carried[:, :, -1]
        matrix = torch.einsum("bhs,bshd,bshe->bhde", last, k, v) + carried_last[..., None, None] * matrix
        normalizer = torch.einsum("bhs,bshd->bdh", last, k) + carried_last[:, None] * normalizer
        return above / below.transpose(1, 2)[..., None], (matrix, normalizer, scale[:, :, -1])

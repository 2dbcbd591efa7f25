"""The selective state space cell (Mamba-2), in plain PyTorch or through the kernel of `mamba_ssm`."""

from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor, nn

from metta_puffer.policies.cells.base import Cell, State, decay_sums, episode_index
from metta_puffer.policies.cells.conv import CausalConv

FUSED = find_spec("mamba_ssm") is not None
CHUNK = 32  # moments computed at once; the work of a chunk grows with its square


class StateSpaceCell(Cell):
    """Dao and Gu 2024, "Transformers are SSMs" (Mamba-2), with one group of input and output maps.

    With I = expand * width inner channels in I / head_width heads and N = `state_width`: convolution of the I + 2N
    channels, then for each head  state_t = exp(A dt_t) state_{t-1} + dt_t x_t B_t^T,  y_t = state_t C_t + D x_t,
    gated and normalized. State: [heads, head_width, N] and the convolution's inputs [taps - 1, I + 2N].

    On CUDA the recurrence runs in `mamba_ssm`'s kernel where that package is installed.
    """

    def __init__(
        self, width: int, *, state_width: int = 16, expand: int = 2, head_width: int = 16, taps: int = 4
    ) -> None:
        super().__init__()
        self.inner, self.state_width, self.head_width = expand * width, state_width, head_width
        self.heads = self.inner // head_width
        mixed = self.inner + 2 * state_width
        self.inputs = nn.Linear(width, self.inner + mixed + self.heads, bias=False)
        self.conv = CausalConv(mixed, taps)
        # Decay rates 1..16 and time steps 0.001..0.1 at the start, as the paper's own code draws them.
        self.log_rate = nn.Parameter(torch.empty(self.heads).uniform_(1, 16).log())
        first_dt = torch.empty(self.heads).uniform_(-3.0, -1.0).mul(2.302585).exp()
        self.dt_bias = nn.Parameter(first_dt + (-(-first_dt).expm1()).log())  # inverse of softplus
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.RMSNorm(self.inner)
        self.out = nn.Linear(self.inner, width, bias=False)
        self.state_shapes = ((self.heads, head_width, state_width), *self.conv.state_shapes)

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        rows, horizon, _ = x.shape
        gate, mixed, dt = self.inputs(x).split([self.inner, self.inner + 2 * self.state_width, self.heads], dim=-1)
        mixed, taps = self.conv(mixed, state[1:], resets)
        mixed = nn.functional.silu(mixed).float()
        with torch.autocast(x.device.type, enabled=False):
            values, to_state, from_state = mixed.split([self.inner, self.state_width, self.state_width], dim=-1)
            values = values.reshape(rows, horizon, self.heads, self.head_width)
            dt = nn.functional.softplus(dt.float() + self.dt_bias)
            driven = Driven(values, dt, to_state, from_state)
            y, memory = selective_scan(driven, -self.log_rate.exp(), state[0], resets)
            y = (y + self.skip[:, None] * values).reshape(rows, horizon, self.inner)
        return self.out(self.norm(y * nn.functional.silu(gate.float()))), (memory, *taps)


class Driven(NamedTuple):
    """What drives the recurrence, float32: all that depends on the moment."""

    values: Tensor  # x_t [rows, T, heads, P]
    dt: Tensor  # above 0 [rows, T, heads]
    to_state: Tensor  # B_t [rows, T, N]
    from_state: Tensor  # C_t [rows, T, N]


def selective_scan(driven: Driven, rate: Tensor, state: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor]:
    """rate A < 0 [heads], state [rows, heads, P, N], resets [rows, T] or None -> y as values, the last state."""
    horizon = driven.values.shape[1]
    if FUSED and driven.values.is_cuda and horizon > 1 and not torch.compiler.is_compiling():
        return fused_scan(driven, rate, state, resets)
    outputs = []
    for start in range(0, horizon, CHUNK):
        part = slice(start, start + CHUNK)
        of_part = Driven(*(tensor[:, part] for tensor in driven))
        y, state = _chunk(of_part, rate, state, None if resets is None else resets[:, part])
        outputs.append(y)
    return (outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)), state


def _chunk(driven: Driven, rate: Tensor, state: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor]:
    """The recurrence written out: every output is a weighted sum over the moments before it (the paper's dual)."""
    values, dt, to_state, from_state = driven
    rows, horizon = values.shape[:2]
    between, before = decay_sums(dt * rate, episode_index(resets, rows, horizon, values.device))
    weights, carried = between.exp(), before.exp()
    arriving = values * dt[..., None]
    scores = torch.einsum("btn,bsn->bts", from_state, to_state)[:, None] * weights
    y = torch.einsum("bhts,bshp->bthp", scores, arriving)
    y = y + torch.einsum("bht,btn,bhpn->bthp", carried, from_state, state)
    arrived = torch.einsum("bhs,bshp,bsn->bhpn", weights[:, :, -1], arriving, to_state)
    return y, arrived + carried[:, :, -1, None, None] * state


def fused_scan(driven: Driven, rate: Tensor, state: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor]:
    """`selective_scan` in the kernel of `mamba_ssm` 2 (CUDA). An episode is one of its packed sequences: `seq_idx` 0
    continues from the incoming state, any other number from zeros."""
    from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined

    values, dt, to_state, from_state = (tensor.contiguous() for tensor in driven)
    rows, horizon = values.shape[:2]
    episode = episode_index(resets, rows, horizon, values.device).int()
    y, state = mamba_chunk_scan_combined(
        values,
        dt,
        rate,
        to_state[:, :, None],
        from_state[:, :, None],
        chunk_size=64,
        initial_states=state.contiguous(),
        seq_idx=episode,
        return_final_states=True,
    )
    return y, state

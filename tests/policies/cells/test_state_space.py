"""The selective scan against its definition, and the way into the fused kernel."""

import sys
from types import ModuleType

import pytest
import torch
from torch import Tensor

from metta_puffer.policies.cells.state_space import Driven, fused_scan, selective_scan

ROWS, HORIZON, HEADS, HEAD_WIDTH, STATE_WIDTH = 2, 70, 3, 4, 5


def loop(driven: Driven, rate: Tensor, state: Tensor, episode: Tensor) -> tuple[Tensor, Tensor]:
    """state_t = exp(A dt_t) state_{t-1} + dt_t x_t B_t^T and y_t = state_t C_t; a new episode starts from zeros."""
    outputs, now = [], torch.zeros(ROWS, dtype=torch.int64)
    for t in range(driven.values.shape[1]):
        values, dt, to_state, from_state = (tensor[:, t] for tensor in driven)
        state = state * (episode[:, t] == now).view(-1, 1, 1, 1)
        now = episode[:, t]
        state = (rate * dt).exp()[..., None, None] * state
        state = state + (dt[..., None] * values)[..., None] * to_state[:, None, None]
        outputs.append((state * from_state[:, None, None]).sum(-1))
    return torch.stack(outputs, 1), state


@pytest.fixture
def scan() -> tuple[Driven, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    resets = torch.zeros(ROWS, HORIZON)
    resets[0, [0, 31, 32, 60]] = 1
    driven = Driven(
        torch.randn(ROWS, HORIZON, HEADS, HEAD_WIDTH),
        torch.rand(ROWS, HORIZON, HEADS),
        torch.randn(ROWS, HORIZON, STATE_WIDTH),
        torch.randn(ROWS, HORIZON, STATE_WIDTH),
    )
    return driven, -torch.rand(HEADS), torch.randn(ROWS, HEADS, HEAD_WIDTH, STATE_WIDTH), resets


def test_the_scan_is_the_recurrence(scan: tuple[Driven, Tensor, Tensor, Tensor]) -> None:
    driven, rate, state, resets = scan
    expected, expected_state = loop(driven, rate, state, resets.long().cumsum(1))
    y, last = selective_scan(driven, rate, state, resets)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(last, expected_state, rtol=1e-4, atol=1e-4)


def test_the_kernel_is_asked_for_the_same(
    scan: tuple[Driven, Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in with the signature and the documented meaning of mamba_ssm 2.3's mamba_chunk_scan_combined."""

    def mamba_chunk_scan_combined(  # noqa: PLR0917 (theirs)
        x: Tensor,
        dt: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        chunk_size: int,
        D: Tensor | None = None,
        z: Tensor | None = None,
        dt_bias: Tensor | None = None,
        initial_states: Tensor | None = None,
        seq_idx: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        dt_softplus: bool = False,
        dt_limit: tuple[float, float] = (0.0, float("inf")),
        return_final_states: bool = False,
    ) -> tuple[Tensor, Tensor]:
        assert chunk_size > 0 and return_final_states and not dt_softplus
        assert B.shape == C.shape == (ROWS, HORIZON, 1, STATE_WIDTH)  # one group
        assert initial_states is not None and seq_idx is not None and seq_idx.dtype == torch.int32
        return loop(Driven(x, dt, B[:, :, 0], C[:, :, 0]), A, initial_states, seq_idx.long())

    names = ["mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.triton", "mamba_ssm.ops.triton.ssd_combined"]
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules[names[-1]], "mamba_chunk_scan_combined", mamba_chunk_scan_combined, raising=False)
    for fused, plain in zip(fused_scan(*scan), selective_scan(*scan), strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-4)

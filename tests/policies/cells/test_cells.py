"""Every cell: a sequence is its steps, a reset forgets, and the numbers are those of a slow loop."""

from collections.abc import Callable
from math import exp

import pytest
import torch
from torch import Tensor

from metta_puffer.policies.cells.base import Cell, decay_sums
from metta_puffer.policies.cells.conv import CausalConv, ConvCell
from metta_puffer.policies.cells.lstm import LSTMCell
from metta_puffer.policies.cells.memory_attention import MemoryAttentionCell
from metta_puffer.policies.cells.mlstm import MLSTMCell
from metta_puffer.policies.cells.slstm import SLSTMCell
from metta_puffer.policies.cells.state_space import StateSpaceCell
from metta_puffer.policies.core import CellCore

WIDTH = 8
CELLS: dict[str, Callable[[], Cell]] = {
    "conv": lambda: ConvCell(WIDTH),
    "lstm": lambda: LSTMCell(WIDTH),
    "memory_attention": lambda: MemoryAttentionCell(WIDTH, heads=2, memory=5),
    "mlstm": lambda: MLSTMCell(WIDTH, heads=2),
    "slstm": lambda: SLSTMCell(WIDTH, heads=2),
    "state_space": lambda: StateSpaceCell(WIDTH, state_width=4, head_width=4),
}


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def empty(cell: Cell, rows: int) -> tuple[Tensor, ...]:
    return tuple(torch.zeros(rows, *shape) for shape in cell.state_shapes)


@pytest.mark.parametrize("name", CELLS)
def test_a_sequence_is_its_steps(name: str) -> None:
    """Longer than any chunk, from a state that holds something, with resets at chunk borders and elsewhere."""
    rows, horizon = 3, 71
    cell, x = CELLS[name](), torch.randn(rows, horizon, WIDTH)
    resets = torch.zeros(rows, horizon)
    resets[0, [0, 32, 33, 70]] = resets[1, [5, 64]] = 1
    _, state = cell(torch.randn(rows, 4, WIDTH), empty(cell, rows), None)
    outputs, last = cell(x, state, resets)
    for t in range(horizon):
        keep = 1 - resets[:, t]
        state = tuple(part * keep.view(rows, *[1] * (part.ndim - 1)) for part in state)
        y, state = cell(x[:, t : t + 1], state, None)
        torch.testing.assert_close(y, outputs[:, t : t + 1], rtol=1e-5, atol=1e-5)
    continued, _ = cell(x[:, :9], last, None)
    torch.testing.assert_close(cell(x[:, :9], state, None)[0], continued, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CELLS)
def test_nothing_passes_a_reset(name: str) -> None:
    """Neither what the state held nor what came before, however large, changes a bit of what follows."""
    cell, x = CELLS[name](), torch.randn(1, 40, WIDTH)
    resets = torch.zeros(1, 40)
    resets[0, 20] = 1
    other = torch.cat([100 * torch.randn(1, 20, WIDTH), x[:, 20:]], dim=1)
    _, before = cell(torch.randn(1, 6, WIDTH), empty(cell, 1), None)
    y, state = cell(x, empty(cell, 1), resets)
    y_other, state_other = cell(other, before, resets)
    assert torch.equal(y[:, 20:], y_other[:, 20:])
    for part, part_other in zip(state, state_other, strict=True):
        torch.testing.assert_close(part, part_other, rtol=0, atol=0)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_finite_with_resets_and_large_inputs(name: str) -> None:
    cell = CELLS[name]()
    x = (30 * torch.randn(2, 40, WIDTH)).requires_grad_()
    resets = torch.zeros(2, 40)
    resets[0, [0, 7]] = 1
    y, _ = cell(x, empty(cell, 2), resets)
    y.square().sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in cell.parameters())


@pytest.mark.parametrize("name", CELLS)
def test_a_state_survives_being_packed(name: str) -> None:
    core = CellCore(CELLS[name]())
    x = torch.randn(2, 12, WIDTH)
    zeros = torch.zeros(2, core.state_size)
    whole, *_ = core.sequence(x, zeros, zeros, None)
    _, h, c = core.sequence(x[:, :7], zeros, zeros, None)
    rest, h, c = core.sequence(x[:, 7:], h, c, None)
    assert h.shape == c.shape == (2, core.state_size) and h.dtype == c.dtype == torch.float32
    torch.testing.assert_close(rest, whole[:, 7:], rtol=1e-5, atol=1e-5)


def test_decay_is_summed_from_moment_to_moment() -> None:
    step = -torch.rand(1, 4, 1)
    between, before = decay_sums(step, torch.tensor([[0, 0, 1, 1]]))
    a, never = step.flatten().tolist(), float("-inf")
    expected = [[0, never, never, never], [a[1], 0, never, never], [never, never, 0, never], [never, never, a[3], 0]]
    torch.testing.assert_close(between[0, 0], torch.tensor(expected))
    torch.testing.assert_close(before[0, 0], torch.tensor([a[0], a[0] + a[1], never, never]))


def test_conv_is_the_convolution_of_the_past() -> None:
    conv, x = CausalConv(WIDTH, taps=3), torch.randn(2, 9, WIDTH)
    padded = torch.nn.functional.pad(x.transpose(1, 2), (2, 0))
    expected = torch.nn.functional.conv1d(padded, conv.weight.T[:, None], conv.bias, groups=WIDTH).transpose(1, 2)
    torch.testing.assert_close(conv(x, empty(conv, 2), None)[0], expected)


def test_memory_attention_sees_its_window_and_no_more() -> None:
    cell, x = MemoryAttentionCell(WIDTH, heads=2, memory=3), torch.randn(1, 8, WIDTH, requires_grad=True)
    y, _ = cell(x, empty(cell, 1), None)
    (gradient,) = torch.autograd.grad(y[0, 6].sum(), x)
    assert [bool(moment.any()) for moment in gradient[0]] == [False, False, False, True, True, True, True, False]


def test_mlstm_is_the_papers_recurrence() -> None:
    """Unscaled, in float64, one head: C = f C + i k v^T, n = f n + i k, h = C^T q / max(|n q|, 1)."""
    cell = MLSTMCell(WIDTH, heads=1).double()
    torch.nn.init.normal_(cell.gates.weight)
    x = torch.randn(1, 10, WIDTH, dtype=torch.float64)
    mixed = torch.nn.functional.silu(cell.conv(x, (torch.zeros(1, 3, WIDTH, dtype=torch.float64),), None)[0])
    matrix = torch.zeros(WIDTH, WIDTH, dtype=torch.float64)
    normalizer, hidden = torch.zeros(WIDTH, dtype=torch.float64), []
    for t in range(10):
        q, k = cell.query_key(mixed[0, t]).split(WIDTH)
        v = cell.value(x[0, t])
        write, keep = cell.gates(mixed[0, t])
        matrix = keep.sigmoid() * matrix + write.exp() * torch.outer(k, v)
        normalizer = keep.sigmoid() * normalizer + write.exp() * k
        q = q / WIDTH**0.5
        hidden.append(q @ matrix / (normalizer @ q).abs().clamp(min=1.0))
    expected = cell.norm(torch.stack(hidden))
    y, _ = cell.float()(x.float(), empty(cell, 1), None)
    torch.testing.assert_close(y[0], expected.float(), rtol=1e-4, atol=1e-4)


def test_slstm_is_the_papers_recurrence() -> None:
    """Unscaled: c = f c + i tanh(z), n = f n + i, h = sigmoid(o) c / n, with i = exp and f = sigmoid of its gate."""
    cell, x = SLSTMCell(WIDTH, heads=1), torch.randn(1, 10, WIDTH)
    c = normalizer = h = torch.zeros(WIDTH)
    y, _ = cell(x, empty(cell, 1), None)
    for t in range(10):
        write, keep, value, show = (cell.inputs(x[0, t]) + h @ cell.feedback[0]).split(WIDTH)
        c = keep.sigmoid() * c + write.exp() * value.tanh()
        normalizer = keep.sigmoid() * normalizer + write.exp()
        h = show.sigmoid() * c / normalizer
        torch.testing.assert_close(y[0, t], h, rtol=1e-4, atol=1e-5)


def test_state_of_a_cell_decays_as_its_formula_says() -> None:
    cell = StateSpaceCell(WIDTH, state_width=4, head_width=4)
    _, state = cell(torch.randn(1, 5, WIDTH), empty(cell, 1), None)
    silent = torch.zeros(1, 1, WIDTH)
    for _ in range(4):  # until the convolution has nothing left to give either
        _, state = cell(silent, state, None)
    _, after = cell(silent, state, None)
    for head in range(cell.heads):
        dt = torch.nn.functional.softplus(cell.dt_bias[head])
        decay = exp(-float(cell.log_rate[head].detach().exp() * dt.detach()))
        torch.testing.assert_close(after[0][0, head], decay * state[0][0, head], rtol=1e-5, atol=1e-7)

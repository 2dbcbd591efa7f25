"""The advantage kernels: ours against pufferlib's compiled one, and which of them PuffeRL's operator reaches.

What decoded actions are is in test_env_actions.py; here, what the kernel refuses to read or write.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from metta_puffer import _engine, kernels
from tests.puffer.toy import one_pufferl_update

COEFFICIENTS = (0.977, 0.916, 1.3, 0.8)  # gamma, lambda, rho clip, c clip: the clips bite on both sides of 1


def rows(shape: tuple[int, ...] = (2, 4), dtype: type = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def random_rollout(rows: int, horizon: int, seed: int = 0) -> list[torch.Tensor]:
    """values, rewards, dones, importance ratios and a filled advantage buffer."""
    generator = torch.Generator().manual_seed(seed)
    values, rewards = (torch.randn(rows, horizon, generator=generator) for _ in range(2))
    dones = (torch.rand(rows, horizon, generator=generator) < 0.2).float()
    ratios = torch.exp(torch.randn(rows, horizon, generator=generator))
    return [values, rewards, dones, ratios, torch.full((rows, horizon), 7.0)]


def by_definition(
    values: torch.Tensor, rewards: torch.Tensor, dones: torch.Tensor, ratios: torch.Tensor, advantages: torch.Tensor
) -> torch.Tensor:
    """The recursion in float64, one row and one moment at a time."""
    gamma, gae_lambda, rho_clip, c_clip = COEFFICIENTS
    result = advantages.double().clone()
    for row in range(values.shape[0]):
        later = 0.0
        for t in reversed(range(values.shape[1] - 1)):
            alive = 1.0 - dones[row, t + 1].item()
            ratio = ratios[row, t].item()
            target = rewards[row, t + 1].item() + gamma * values[row, t + 1].item() * alive
            later = min(ratio, rho_clip) * (target - values[row, t].item()) + (
                gamma * gae_lambda * min(ratio, c_clip) * alive * later
            )
            result[row, t] = later
    return result


@pytest.fixture
def upstream() -> Callable[..., None]:
    import pufferlib._C  # noqa: F401  (registers the operator)

    return torch.ops.pufferlib.compute_puff_advantage


@pytest.mark.parametrize("horizon", [1, 2, 64])
def test_ours_equals_pufferlibs_compiled_kernel(upstream: Callable[..., None], horizon: int) -> None:
    theirs, ours = random_rollout(37, horizon), random_rollout(37, horizon)
    upstream(*theirs, *COEFFICIENTS)
    kernels.advantages_cpu(*ours, *COEFFICIENTS)
    torch.testing.assert_close(ours[4], theirs[4], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("horizon", [1, 2, 64])
def test_ours_follows_the_definition(horizon: int) -> None:
    rollout = random_rollout(37, horizon, seed=1)
    expected = by_definition(*rollout)
    kernels.advantages_cpu(*rollout, *COEFFICIENTS)
    # The float32 recursion of 64 terms rounds; values reach about 10.
    torch.testing.assert_close(rollout[4].double(), expected, rtol=1e-5, atol=1e-5)


def test_operator_comes_from_pufferlib_where_its_extension_loads() -> None:
    installed = kernels.ensure_advantage_operator()
    assert (installed.cpu, installed.reason) == (kernels.UPSTREAM, "")


TRITON_SCRIPT = """
import torch
from metta_puffer import kernels
from tests.test_kernels import COEFFICIENTS, random_rollout
for rows, horizon in ((1, 1), (1, 2), (37, 2), (37, 64), (130, 5)):
    ours, triton = random_rollout(rows, horizon), random_rollout(rows, horizon)
    kernels.advantages_cpu(*ours, *COEFFICIENTS)
    kernels.advantages_triton(*triton, *COEFFICIENTS)
    torch.testing.assert_close(triton[4], ours[4], rtol=1e-6, atol=1e-6)
"""


def test_triton_kernel_equals_the_cpu_kernel_in_the_interpreter() -> None:
    # Triton decides at import whether it interprets, hence the process of its own.
    pytest.importorskip("triton", reason="comes with torch's CUDA builds only")
    subprocess.run([sys.executable, "-c", TRITON_SCRIPT], env={**os.environ, "TRITON_INTERPRET": "1"}, check=True)


UPDATE_SCRIPT = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
sys.modules["pufferlib._C"] = None  # what an extension built for another torch amounts to
import torch
from tests.puffer.toy import one_pufferl_update
torch.save(one_pufferl_update(), sys.argv[1])
"""


def test_pufferl_trains_the_same_with_ours_when_pufferlibs_extension_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "ours.pt"
    done = subprocess.run([sys.executable, "-c", UPDATE_SCRIPT, str(path)], capture_output=True, text=True, check=True)
    assert f"advantage kernel: {kernels.OURS} on CPU" in done.stderr
    assert "fallback" not in done.stderr
    ours = torch.load(path, weights_only=True)
    theirs = one_pufferl_update()
    for name, tensor in theirs["after"].items():
        assert not torch.equal(tensor, theirs["before"][name])
        torch.testing.assert_close(ours["after"][name], tensor, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("bad", [torch.zeros(2, 3), torch.zeros(2, 4, dtype=torch.float64)])
def test_operator_names_the_tensor_it_refuses(bad: torch.Tensor) -> None:
    good = torch.zeros(2, 4)
    with pytest.raises(ValueError, match=r"dones must be float32 \(2, 4\)"):
        kernels.advantages_cpu(good, good, bad, good, good.clone(), *COEFFICIENTS)


def test_wrong_shape_names_the_array_and_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"dones has shape \(2, 3\), expected \(2, 4\)"):
        _engine.compute_advantages(rows(), rows(), rows((2, 3)), rows(), rows(), 0.9, 0.9, 1.0, 1.0)


@pytest.mark.parametrize("bad", [rows(dtype=np.float64), rows((4, 2)).T, [[0.0] * 4] * 2])
def test_wrong_dtype_or_layout_is_refused_rather_than_copied(bad: object) -> None:
    with pytest.raises(TypeError):
        _engine.compute_advantages(rows(), rows(), rows(), rows(), bad, 0.9, 0.9, 1.0, 1.0)


def test_last_column_is_left_alone() -> None:
    advantages = np.full((2, 4), 7, np.float32)
    _engine.compute_advantages(rows() + 1, rows() + 1, rows(), rows() + 1, advantages, 0.9, 0.9, 1.0, 1.0)
    assert (advantages[:, -1] == 7).all() and (advantages[:, :-1] != 7).all()


def test_action_streams_are_written_in_place_or_refused() -> None:
    good = np.zeros(4, np.int32)
    read_only = good.copy()
    read_only.flags.writeable = False
    unaligned = np.frombuffer(bytearray(17), np.int32, offset=1)
    wrong: list[tuple[object, type[Exception], str]] = [
        ([0, 0, 0, 0], TypeError, "incompatible function arguments"),
        (good.astype(np.int64), TypeError, "must be int32"),
        (good.astype(np.float32), TypeError, "must be int32"),
        (np.zeros(8, np.int32)[::2], TypeError, "C-contiguous"),
        (np.zeros((4, 1), np.int32), TypeError, r"\[rows\]"),
        (unaligned, TypeError, "aligned"),
        (read_only, ValueError, "not writeable"),
    ]
    for bad, error, said in wrong:
        with pytest.raises(error, match=said):
            _engine.decode_actions(good + 1, bad, good.copy(), 5, 0)
        kept = good.copy()
        with pytest.raises(error, match=said):
            _engine.decode_actions(good + 1, kept, bad, 5, 0)
        assert not kept.any()
    with pytest.raises(ValueError, match="vibe_actions has 3 rows, expected 4"):
        _engine.decode_actions(good + 1, good.copy(), np.zeros(3, np.int32), 5, 0)


@pytest.mark.parametrize(
    "unread", [[1, 1], np.ones(2, np.int16), np.ones(4, np.int32)[::2], np.ones(3, np.int32), None]
)
def test_actions_that_cannot_be_read_as_they_stand_are_left_to_the_caller(unread: object) -> None:
    primary, vibe_actions = np.zeros(2, np.int32), np.zeros(2, np.int32)
    assert not _engine.decode_actions(unread, primary, vibe_actions, 5, 0)
    assert not primary.any() and not vibe_actions.any()
    assert _engine.decode_actions(np.ones(2, np.int32), primary, vibe_actions, 5, 0)
    assert primary.tolist() == [1, 1]

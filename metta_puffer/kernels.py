"""The advantage kernel behind PuffeRL's torch operator `pufferlib::compute_puff_advantage`.

PuffeRL's update calls that operator by name. Usually pufferlib's compiled extension provides it, but the extension
is built for one torch version and cannot be loaded with another. Then ours is registered under the same name: the
C++ kernel of `metta_puffer._engine` for CPU tensors and a Triton kernel for CUDA tensors.

The formula is GAE (Schulman et al. 2016) with V-trace clips (Espeholt et al. 2018); cpp/kernels/advantage.hpp
states it.
"""

import functools
import importlib
import logging
from dataclasses import dataclass

import torch

from metta_puffer import _engine

log = logging.getLogger(__name__)

OPERATOR = "compute_puff_advantage"
QUALIFIED_OPERATOR = f"pufferlib::{OPERATOR}"
SCHEMA = (
    f"{OPERATOR}(Tensor values, Tensor rewards, Tensor dones, Tensor importance, Tensor(a!) advantages, "
    "float gamma, float lambda, float rho_clip, float c_clip) -> ()"
)
OURS = "metta-puffer"
UPSTREAM = "pufferlib"


@dataclass(frozen=True)
class AdvantageKernels:
    """Whose kernel runs on which device: 'pufferlib', 'metta-puffer', or None where there is none."""

    cpu: str
    cuda: str | None
    reason: str  # why pufferlib's compiled extension is not used; '' when it is

    def __str__(self) -> str:
        text = f"advantage kernel: {self.cpu} on CPU, {self.cuda or 'none'} on CUDA"
        return f"{text} (pufferlib's compiled extension could not be loaded: {self.reason})" if self.reason else text


def _check(values: torch.Tensor, **others: torch.Tensor) -> None:
    if values.dim() != 2:
        raise ValueError(f"values must be 2-D [rows, horizon], got shape {tuple(values.shape)}")
    for name, tensor in {"values": values, **others}.items():
        if tensor.shape != values.shape or tensor.device != values.device or tensor.dtype != torch.float32:
            raise ValueError(
                f"{name} must be float32 {tuple(values.shape)} on {values.device}, "
                f"got {tensor.dtype} {tuple(tensor.shape)} on {tensor.device}"
            )
    if not others["advantages"].is_contiguous():
        raise ValueError("advantages must be contiguous: it is written in place")


def advantages_cpu(  # noqa: PLR0917 (the operator's signature)
    values: torch.Tensor,
    rewards: torch.Tensor,
    dones: torch.Tensor,
    importance: torch.Tensor,
    advantages: torch.Tensor,
    gamma: float,
    lambda_: float,
    rho_clip: float,
    c_clip: float,
) -> None:
    """Writes advantages[:, :-1] in place. All tensors float32 [rows, horizon] on the CPU; ValueError otherwise."""
    _check(values, rewards=rewards, dones=dones, importance=importance, advantages=advantages)
    inputs = (tensor.detach().contiguous().numpy() for tensor in (values, rewards, dones, importance))
    _engine.compute_advantages(*inputs, advantages.detach().numpy(), gamma, lambda_, rho_clip, c_clip)


def advantages_triton(  # noqa: PLR0917 (the operator's signature)
    values: torch.Tensor,
    rewards: torch.Tensor,
    dones: torch.Tensor,
    importance: torch.Tensor,
    advantages: torch.Tensor,
    gamma: float,
    lambda_: float,
    rho_clip: float,
    c_clip: float,
) -> None:
    """As `advantages_cpu`, on the GPU that holds the tensors (or in Triton's interpreter, on any tensors)."""
    from metta_puffer.kernels_triton import advantage_rows

    _check(values, rewards=rewards, dones=dones, importance=importance, advantages=advantages)
    inputs = [tensor.detach().contiguous() for tensor in (values, rewards, dones, importance)]
    rows, horizon = values.shape
    if rows == 0 or horizon < 2:
        return
    block = 64
    grid = (-(-rows // block),)
    # One compilation a horizon, which a run never changes.
    advantage_rows[grid](*inputs, advantages, rows, gamma, lambda_, rho_clip, c_clip, HORIZON=horizon, BLOCK=block)


def has_kernel(device: str) -> bool:
    """Whether the operator has a kernel for 'CPU' or 'CUDA'."""
    try:
        return bool(torch._C._dispatch_has_kernel_for_dispatch_key(QUALIFIED_OPERATOR, device))
    except RuntimeError:  # the operator itself is not defined
        return False


@functools.cache
def ensure_advantage_operator() -> AdvantageKernels:
    """Makes `torch.ops.pufferlib.compute_puff_advantage` callable on this machine's devices, once a process.

    pufferlib's compiled kernels are kept where they can be loaded; ours fill in the devices that are left.
    """
    reason = ""
    try:
        importlib.import_module("pufferlib._C")
    except ImportError as error:
        reason = str(error).splitlines()[0]
    library = _library()
    cpu, cuda = UPSTREAM, UPSTREAM if has_kernel("CUDA") else None
    if not has_kernel("CPU"):
        library.define(SCHEMA)
        library.impl(OPERATOR, advantages_cpu, "CPU")
        cpu = OURS
    if cuda is None and torch.cuda.is_available():
        library.impl(OPERATOR, advantages_triton, "CUDA")
        cuda = OURS
    kernels = AdvantageKernels(cpu, cuda, reason)
    log.info("%s", kernels)
    return kernels


@functools.cache
def _library() -> torch.library.Library:
    # Kept for the life of the process: torch unregisters a library's kernels when the object is collected.
    return torch.library.Library("pufferlib", "FRAGMENT")

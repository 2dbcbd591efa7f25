"""Generalized advantage estimation with V-trace clips (Schulman et al. 2016; Espeholt et al. 2018)."""

import torch
from torch import Tensor

from metta_puffer import _engine
from metta_puffer.config.plan import LossPlan


def compute_advantages(values: Tensor, rewards: Tensor, dones: Tensor, ratios: Tensor, loss: LossPlan) -> Tensor:
    """Advantages float32 [rows, columns]; the last column, which only supplies the bootstrap value, is 0.

    All arguments are float32 [rows, columns]; reward and done at column t belong to the action of column t-1.
    The compiled kernel runs on the CPU, vectorized torch elsewhere.
    """
    if values.device.type == "cpu":
        advantages = torch.zeros_like(values, memory_format=torch.contiguous_format)
        arrays = [tensor.detach().contiguous().numpy() for tensor in (values, rewards, dones, ratios)]
        _engine.compute_advantages(
            *arrays, advantages.numpy(), loss.gamma, loss.gae_lambda, loss.vtrace_rho_clip, loss.vtrace_c_clip
        )
        return advantages
    return vectorized(values, rewards, dones, ratios, loss)


def vectorized(values: Tensor, rewards: Tensor, dones: Tensor, ratios: Tensor, loss: LossPlan) -> Tensor:
    """The same on any device, all rows of a column at once."""
    advantages = torch.zeros_like(values, memory_format=torch.contiguous_format)
    continues = 1.0 - dones[:, 1:]
    rho, c = ratios.clamp(max=loss.vtrace_rho_clip), ratios.clamp(max=loss.vtrace_c_clip)
    delta = rho[:, :-1] * (rewards[:, 1:] + loss.gamma * values[:, 1:] * continues - values[:, :-1])
    decay = loss.gamma * loss.gae_lambda * c[:, :-1] * continues
    carried = torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 2, -1, -1):
        carried = delta[:, t] + decay[:, t] * carried
        advantages[:, t] = carried
    return advantages

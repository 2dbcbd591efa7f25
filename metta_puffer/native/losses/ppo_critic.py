"""PPO's value loss, clipped around the values of the rollout."""

import torch
from torch import Tensor


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip_coef: float | None) -> Tensor:
    """0.5 mean(max((v - R)^2, (v_old + clip(v - v_old, -c, c) - R)^2)); None leaves out the clipping. Scalar."""
    error = (values - returns) ** 2
    if clip_coef is not None:
        clipped = old_values + (values - old_values).clamp(-clip_coef, clip_coef)
        error = torch.maximum(error, (clipped - returns) ** 2)
    return 0.5 * error.mean()

"""PPO's clipped policy loss and entropy (Schulman et al. 2017)."""

import torch
from torch import Tensor


def clipped_policy_loss(ratios: Tensor, advantages: Tensor, clip_coef: float) -> Tensor:
    """mean(max(-A r, -A clip(r, 1-c, 1+c))); `ratios` and `advantages` of one shape. Scalar."""
    clipped = ratios.clamp(1.0 - clip_coef, 1.0 + clip_coef)
    return torch.maximum(-advantages * ratios, -advantages * clipped).mean()


def normalized(advantages: Tensor) -> Tensor:
    """Zero mean and unit (unbiased) standard deviation over the minibatch."""
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)

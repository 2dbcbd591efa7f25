"""Optimizers and the learning rate of each epoch."""

from collections.abc import Callable, Iterable

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from metta_puffer.config.arithmetic import cosine_learning_rate
from metta_puffer.config.plan import OptimizerPlan
from metta_puffer.errors import UserError, did_you_mean


def _adam(parameters: Iterable[Parameter], plan: OptimizerPlan) -> Optimizer:
    return torch.optim.Adam(
        parameters, plan.learning_rate, (plan.beta1, plan.beta2), plan.eps, weight_decay=plan.weight_decay
    )


def _adamw(parameters: Iterable[Parameter], plan: OptimizerPlan) -> Optimizer:
    return torch.optim.AdamW(
        parameters, plan.learning_rate, (plan.beta1, plan.beta2), plan.eps, weight_decay=plan.weight_decay
    )


OPTIMIZERS: dict[str, Callable[[Iterable[Parameter], OptimizerPlan], Optimizer]] = {"adam": _adam, "adamw": _adamw}


def build_optimizer(parameters: Iterable[Parameter], plan: OptimizerPlan) -> Optimizer:
    """Raises UserError for an optimizer that is not in the registry."""
    if plan.type not in OPTIMIZERS:
        raise UserError(
            f"no such optimizer.{did_you_mean(plan.type, OPTIMIZERS)}",
            remedy=f"choose one of {', '.join(sorted(OPTIMIZERS))}",
            key="trainer.optimizer.type",
            value=plan.type,
        )
    return OPTIMIZERS[plan.type](parameters, plan)


def learning_rate(plan: OptimizerPlan, epoch: int, total_epochs: int) -> float:
    """Rate of one epoch: constant, or a half cosine from the full rate at epoch 0 to 0 at the last one's end."""
    if plan.learning_rate_schedule == "constant":
        return plan.learning_rate
    return cosine_learning_rate(plan.learning_rate, min(epoch, total_epochs), total_epochs)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate

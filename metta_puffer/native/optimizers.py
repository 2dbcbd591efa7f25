"""Optimizers and the learning rate of each epoch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from metta_puffer.config.arithmetic import cosine_learning_rate
from metta_puffer.config.plan import OptimizerPlan
from metta_puffer.errors import UserError, did_you_mean

_PART = 1_000_000  # more parameters than any policy has: tells the two halves of Muon's state apart


def _adam(policy: nn.Module, plan: OptimizerPlan) -> Optimizer:
    betas = plan.beta1, plan.beta2
    return torch.optim.Adam(policy.parameters(), plan.learning_rate, betas, plan.eps, weight_decay=plan.weight_decay)


def _adamw(policy: nn.Module, plan: OptimizerPlan) -> Optimizer:
    betas = plan.beta1, plan.beta2
    return torch.optim.AdamW(policy.parameters(), plan.learning_rate, betas, plan.eps, weight_decay=plan.weight_decay)


def _adamw_schedulefree(policy: nn.Module, plan: OptimizerPlan) -> Optimizer:
    import schedulefree

    return schedulefree.AdamWScheduleFree(
        policy.parameters(),
        lr=plan.learning_rate,
        betas=(plan.beta1, plan.beta2),
        eps=plan.eps,
        weight_decay=plan.weight_decay,
    )


def _sgd_schedulefree(policy: nn.Module, plan: OptimizerPlan) -> Optimizer:
    import schedulefree

    return schedulefree.SGDScheduleFree(
        policy.parameters(), lr=plan.learning_rate, momentum=plan.beta1, weight_decay=plan.weight_decay
    )


class Muon(Optimizer):
    """torch.optim.Muon for the hidden weight matrices, AdamW for everything else: biases, convolutions and heads.

    Muon's steps are scaled to the size of AdamW's (Liu et al. 2025), so one learning rate serves both.
    """

    def __init__(self, policy: nn.Module, plan: OptimizerPlan) -> None:
        heads = {"actor", "critic"}
        named = [(name, parameter) for name, parameter in policy.named_parameters() if parameter.requires_grad]
        matrices = [p for name, p in named if p.ndim == 2 and not heads & set(name.split("."))]
        others = [p for name, p in named if p.ndim != 2 or heads & set(name.split("."))]
        self.parts: list[Optimizer] = [
            torch.optim.Muon(
                matrices,
                lr=plan.learning_rate,
                momentum=plan.beta1,
                weight_decay=plan.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(
                others, plan.learning_rate, (plan.beta1, plan.beta2), plan.eps, weight_decay=plan.weight_decay
            ),
        ]
        super().__init__(matrices + others, {"lr": plan.learning_rate})
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        dicts = [part.state_dict() for part in self.parts]
        state = {
            _PART * number + index: entries
            for number, one in enumerate(dicts)
            for index, entries in one["state"].items()
        }
        return {"state": state, "param_groups": [group for one in dicts for group in one["param_groups"]]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        groups = list(state_dict["param_groups"])
        if len(groups) != len(self.param_groups):
            raise ValueError(f"{len(groups)} parameter groups where Muon has {len(self.param_groups)}")
        for number, part in enumerate(self.parts):
            state = {
                index % _PART: entries for index, entries in state_dict["state"].items() if index // _PART == number
            }
            part.load_state_dict({"state": state, "param_groups": [groups[number]]})
        self.param_groups = [group for part in self.parts for group in part.param_groups]


OPTIMIZERS: dict[str, Callable[[nn.Module, OptimizerPlan], Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "adamw_schedulefree": _adamw_schedulefree,
    "muon": Muon,
    "sgd_schedulefree": _sgd_schedulefree,
}


def build_optimizer(policy: nn.Module, plan: OptimizerPlan) -> Optimizer:
    """An optimizer of all the policy's parameters. Raises UserError for one that is not in the registry."""
    if plan.type not in OPTIMIZERS:
        raise UserError(
            f"no such optimizer.{did_you_mean(plan.type, OPTIMIZERS)}",
            remedy=f"choose one of {', '.join(sorted(OPTIMIZERS))}",
            key="trainer.optimizer.type",
            value=plan.type,
        )
    return OPTIMIZERS[plan.type](policy, plan)


def begin_update(optimizer: Optimizer) -> None:
    """Schedule-free optimizers train other weights than those they offer for acting (Defazio et al. 2024)."""
    if hasattr(optimizer, "train"):
        optimizer.train()


def end_update(optimizer: Optimizer) -> None:
    """Puts back the weights for acting, checkpoints and evaluation."""
    if hasattr(optimizer, "eval"):
        optimizer.eval()


def learning_rate(plan: OptimizerPlan, epoch: int, total_epochs: int) -> float:
    """Rate of one epoch: constant, or a half cosine from the full rate at epoch 0 to 0 at the last one's end."""
    if plan.learning_rate_schedule == "constant":
        return plan.learning_rate
    return cosine_learning_rate(plan.learning_rate, min(epoch, total_epochs), total_epochs)


def set_numbers(optimizer: Optimizer, plan: OptimizerPlan, rate: float) -> None:
    """From the next step on the optimizer goes by these numbers, and by `rate` as its learning rate."""
    for group in optimizer.param_groups:
        own: dict[str, Any] = {"lr": rate, "weight_decay": plan.weight_decay, "momentum": plan.beta1}
        if "betas" in group:  # Muon's matrices have an eps as well, of another size and meaning
            own |= {"betas": (plan.beta1, plan.beta2), "eps": plan.eps}
        group.update({name: value for name, value in own.items() if name in group})

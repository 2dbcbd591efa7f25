"""One optimizer step from one or several losses."""

import torch
from torch import Tensor, nn

from metta_puffer.api.agent import Agent
from metta_puffer.config.plan import OptimizerPlan
from metta_puffer.errors import UserError
from metta_puffer.native.optimizers import build_optimizer
from metta_puffer.native.update import DivergedError


class Optimizer:
    """`step(loss)` goes down the gradient of the policy's parameters, clipped to a norm of `max_grad_norm`.

    Types are those of the native trainer except its schedule-free ones, which have to be told when an update begins.
    """

    def __init__(
        self,
        optimizer_type: str,
        policy: Agent,
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-12,
        weight_decay: float = 0.0,
        max_grad_norm: float = 0.5,
    ) -> None:
        """Raises UserError for a type that there is not."""
        if "schedulefree" in optimizer_type:
            raise UserError(
                "a loop of one's own cannot tell this optimizer when an update begins",
                key="optimizer_type",
                value=optimizer_type,
                remedy="use adam, adamw or muon, or train with metta-native",
            )
        plan = OptimizerPlan(
            type=optimizer_type,
            learning_rate=learning_rate,
            beta1=betas[0],
            beta2=betas[1],
            eps=eps,
            weight_decay=weight_decay,
        )
        self._parameters = list(policy.policy.parameters())
        self.optimizer = build_optimizer(policy.policy, plan)
        self._max_grad_norm = max_grad_norm
        self._accumulated = 0

    def step(self, loss: Tensor, epoch: int = 0, accumulate_steps: int = 1) -> None:
        """Adds the gradient of one minibatch's scalar loss, and steps after every `accumulate_steps` of them.

        Their gradients are averaged. `epoch` is taken for compatibility and changes nothing: what is counted are the
        calls. Raises DivergedError when the gradient is not finite; nothing of it is applied.
        """
        (loss / accumulate_steps).backward()
        self._accumulated += 1
        if self._accumulated < accumulate_steps:
            return
        self._accumulated = 0
        norm = nn.utils.clip_grad_norm_(self._parameters, self._max_grad_norm)
        if not torch.isfinite(norm):
            self.optimizer.zero_grad()
            raise DivergedError(f"gradient norm is {float(norm)}")
        self.optimizer.step()
        self.optimizer.zero_grad()

"""Losses by name, with their weights and the stretch of the run in which they count."""

import inspect

from torch import Tensor, nn

from metta_puffer.config.plan import LossTermPlan
from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.native.losses.contrastive import Contrastive
from metta_puffer.native.losses.dynamics import Dynamics
from metta_puffer.native.losses.grpo import Grpo
from metta_puffer.native.losses.gtd_lambda import GtdLambda
from metta_puffer.native.losses.kickstarter import Kickstarter
from metta_puffer.native.losses.stable_latent import StableLatent
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch

LOSSES: dict[str, type[LossTerm]] = {
    "contrastive": Contrastive,
    "dynamics": Dynamics,
    "grpo": Grpo,
    "gtd_lambda": GtdLambda,
    "kickstarter": Kickstarter,
    "stable_latent": StableLatent,
}


class LossTerms(nn.ModuleDict):
    """The losses that a plan adds to PPO's. Their parameters are trained with the policy's."""

    def __init__(self, context: Context) -> None:
        """Raises UserError for an unknown loss or option, or the same loss twice."""
        super().__init__()
        self._plans = {plan.name: plan for plan in context.plan.losses}
        if len(self._plans) != len(context.plan.losses):
            raise UserError(
                "a loss is named twice", key="trainer.losses", remedy="keep one of each, and change its coef"
            )
        for plan in context.plan.losses:
            self[plan.name] = _build(plan, context)

    def weighted(self, batch: Minibatch, agent_steps: int) -> tuple[Tensor | None, dict[str, Tensor]]:
        """(sum of coef times loss of those that count now, each loss by name); None when none counts."""
        total: Tensor | None = None
        values: dict[str, Tensor] = {}
        for name, plan in self._plans.items():
            end = float("inf") if plan.end_agent_steps is None else plan.end_agent_steps
            if plan.begin_agent_steps <= agent_steps < end:
                values[name] = self[name](batch)
                total = plan.coef * values[name] + (0.0 if total is None else total)
        return total, values


def _build(plan: LossTermPlan, context: Context) -> LossTerm:
    if plan.name not in LOSSES:
        raise UserError(
            f"no such loss.{did_you_mean(plan.name, LOSSES)}",
            key="trainer.losses",
            value=plan.name,
            remedy=f"choose among {', '.join(sorted(LOSSES))}",
        )
    known = [name for name in inspect.signature(LOSSES[plan.name]).parameters if name != "context"]
    for option, value in plan.options.items():
        if option not in known:
            raise UserError(
                f"this loss has no such option.{did_you_mean(option, known)}",
                key=f"trainer.losses {plan.name}.{option}",
                value=value,
                remedy=f"its options are {', '.join(known) or 'none'}",
            )
    return LOSSES[plan.name](context, **plan.options)

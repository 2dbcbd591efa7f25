"""Losses by name, with their weights and the stretch of the run in which they count."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from metta_puffer.config.loss_options import check_losses
from metta_puffer.config.plan import LossTermPlan
from metta_puffer.native.losses.action_supervised import ActionSupervised
from metta_puffer.native.losses.contrastive import Contrastive
from metta_puffer.native.losses.dynamics import Dynamics
from metta_puffer.native.losses.grpo import Grpo
from metta_puffer.native.losses.gtd_lambda import GtdLambda
from metta_puffer.native.losses.kickstarter import Kickstarter
from metta_puffer.native.losses.quantile_critic import QuantileCritic
from metta_puffer.native.losses.sl_kickstarter import SlKickstarter
from metta_puffer.native.losses.stable_latent import StableLatent
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch, Moment

LOSSES: dict[str, Callable[[Context, Any], LossTerm]] = {
    "action_supervised": ActionSupervised,
    "contrastive": Contrastive,
    "dynamics": Dynamics,
    "grpo": Grpo,
    "gtd_lambda": GtdLambda,
    "kickstarter": Kickstarter,
    "quantile_critic": QuantileCritic,
    "sl_kickstarter": SlKickstarter,
    "stable_latent": StableLatent,
}


class LossTerms(nn.ModuleDict):
    """The losses that a plan adds to PPO's. Their parameters are trained with the policy's.

    What a loss stores goes by the name `LOSS/NAME` here, and by NAME within the loss.
    """

    def __init__(self, context: Context) -> None:
        """Raises UserError for an unknown loss or option, a value that does not fit, or the same loss twice."""
        super().__init__()
        for name, options in check_losses(context.plan.losses).items():
            self[name] = LOSSES[name](context, options)
        self._counting: list[str] = []
        self.begin(0, 0, context.plan.losses)

    def _each(self) -> dict[str, LossTerm]:
        return {name: term for name, term in self.items() if isinstance(term, LossTerm)}

    def _now(self) -> dict[str, LossTerm]:
        return {name: term for name, term in self._each().items() if name in self._counting}

    def begin(self, epoch: int, agent_steps: int, plans: Iterable[LossTermPlan]) -> None:
        """Says where in the run the next rollout and update are: what counts then, and how much, is settled here."""
        self._counting, self._plans = [], {plan.name: plan for plan in plans}
        for name, plan in self._plans.items():
            end = float("inf") if plan.end_agent_steps is None else plan.end_agent_steps
            if plan.begin_agent_steps <= agent_steps < end:
                self._counting.append(name)
        for term in self._now().values():
            term.begin(epoch)

    @property
    def advice(self) -> dict[str, Tensor]:
        """What `advise` can give: by name a tensor of one agent-step's shape and dtype."""
        return _joined({name: term.advice for name, term in self._each().items()})

    def advise(self, moment: Moment) -> dict[str, Tensor]:
        """What the losses that count want stored of a moment, each [n, ...]."""
        return _joined({name: term.advise(moment) for name, term in self._now().items()})

    def lead(self, advice: Mapping[str, Tensor], actions: Tensor, generator: torch.Generator) -> Tensor:
        """The actions to be taken, int64 [n]: `actions` itself where no loss wants others."""
        for name, term in self._now().items():
            actions = term.lead(_of(name, advice), actions, generator)
        return actions

    def rollout_state(self) -> dict[str, Tensor]:
        return _joined({name: term.rollout_state() for name, term in self._each().items()})

    def restore_rollout_state(self, tensors: Mapping[str, Tensor]) -> None:
        for name, term in self._each().items():
            term.restore_rollout_state(_of(name, tensors))

    def weighted(self, batch: Minibatch) -> tuple[Tensor | None, dict[str, Tensor]]:
        """(sum of coef times loss of those that count now, each loss by name); None when none counts."""
        total: Tensor | None = None
        values: dict[str, Tensor] = {}
        for name, term in self._now().items():
            values[name] = term(dataclasses.replace(batch, advice=_of(name, batch.advice)))
            total = self._plans[name].coef * values[name] + (0.0 if total is None else total)
        return total, values


def _joined(tensors: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{name}/{key}": tensor for name, own in tensors.items() for key, tensor in own.items()}


def _of(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    own = f"{name}/"
    return {key.removeprefix(own): tensor for key, tensor in tensors.items() if key.startswith(own)}

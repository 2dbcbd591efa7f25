"""Learning from a teacher's action distribution and values (Schmitt et al. 2018, "Kickstarting")."""

from collections.abc import Mapping

import torch
from torch import Tensor

from metta_puffer.config.loss_options import KickstarterOptions
from metta_puffer.native.losses.teacher import Teacher
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch, Moment


def distillation_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T^2 KL(student || teacher) of the softened distributions, mean over all but the last dimension."""
    student = torch.log_softmax(logits / temperature, dim=-1)
    teacher = torch.log_softmax(teacher_logits / temperature, dim=-1)
    return temperature**2 * (student.exp() * (student - teacher)).sum(-1).mean()


class Taught(LossTerm):
    """A loss that is given a teacher's logits and values, as the rollout stored them."""

    def __init__(self, context: Context, teacher: Teacher) -> None:
        super().__init__()
        self._num_actions, self._teacher = context.num_actions, teacher

    def begin(self, epoch: int) -> None:
        self._teacher.begin(epoch)

    @property
    def advice(self) -> dict[str, Tensor]:
        return {"logits": torch.zeros(self._num_actions), "values": torch.zeros(())}

    def advise(self, moment: Moment) -> dict[str, Tensor]:
        logits, values = self._teacher.ask(moment)
        return {"logits": logits, "values": values}

    def rollout_state(self) -> dict[str, Tensor]:
        return self._teacher.state()

    def restore_rollout_state(self, tensors: Mapping[str, Tensor]) -> None:
        self._teacher.restore(tensors)


class Kickstarter(Taught):
    """Reverse KL divergence from the teacher's softened distribution, and squared distance of the values."""

    def __init__(self, context: Context, options: KickstarterOptions) -> None:
        super().__init__(context, Teacher(context, "kickstarter", options.teacher))
        self._options = options

    def forward(self, batch: Minibatch) -> Tensor:
        loss = distillation_loss(batch.logits, batch.advice["logits"], self._options.temperature)
        return loss + self._options.value_coef * (batch.values - batch.advice["values"]).square().mean()

"""Supervised learning from the checkpoints of another run, one after the other."""

from torch import Tensor

from metta_puffer.config.loss_options import SlKickstarterOptions
from metta_puffer.native.losses.kickstarter import Taught
from metta_puffer.native.losses.teacher import Teacher
from metta_puffer.native.losses.term import Context, Minibatch


def cross_entropy(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """- sum over actions of teacher's probability times log of the student's, mean over the other dimensions."""
    return -(teacher_logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()


class SlKickstarter(Taught):
    """Cross-entropy to the teacher's distribution, and squared distance of the values.

    The teacher's versions follow each other as in its own training, so that the student is never far behind its
    teacher (a curriculum of checkpoints).
    """

    def __init__(self, context: Context, options: SlKickstarterOptions) -> None:
        super().__init__(context, Teacher(context, "sl_kickstarter", options.teacher, options.every_epochs))
        self._options = options

    def forward(self, batch: Minibatch) -> Tensor:
        values_apart = (batch.values - batch.advice["values"]).square().mean()
        return cross_entropy(batch.logits, batch.advice["logits"]) + self._options.value_coef * values_apart

"""Learning from a teacher's checkpoint (Schmitt et al. 2018)."""

from pathlib import Path

import torch
from torch import Tensor, nn

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch
from metta_puffer.policies import build_policy


def distillation_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T^2 KL(student || teacher) of the softened distributions, mean over all but the last dimension."""
    student = torch.log_softmax(logits / temperature, dim=-1)
    teacher = torch.log_softmax(teacher_logits / temperature, dim=-1)
    return temperature**2 * (student.exp() * (student - teacher)).sum(-1).mean()


def load_teacher(version: Path, context: Context) -> nn.Module:
    """The policy of a checkpoint, ready to be asked. Raises UserError when it does not fit the environment."""
    checkpoint = checkpoints.load(version)
    try:
        teacher = build_policy(RunPlan.model_validate(checkpoint.state["plan"]).policy, context.driver_env)
        teacher.load_state_dict(checkpoint.weights)
    except (KeyError, ValueError, RuntimeError) as error:
        raise UserError(
            f"this teacher does not fit the environment ({str(error).splitlines()[0]})",
            file=str(version),
            key="trainer.losses kickstarter.teacher",
            remedy="name a checkpoint that was trained on the same game",
        ) from error
    return teacher.to(context.plan.device).requires_grad_(False)


class Kickstarter(LossTerm):
    """Distance of action distributions and values from those of a teacher.

    teacher: a run folder or one version. every_epochs: with a run folder, begin with its oldest version and move on
    to the next one after so many epochs (0: the newest all the time). The teacher reads each row from a blank memory.
    """

    def __init__(
        self,
        context: Context,
        teacher: str = "",
        temperature: float = 2.0,
        value_coef: float = 1.0,
        every_epochs: int = 0,
    ) -> None:
        super().__init__()
        newest = checkpoints.resolve(teacher)
        self._context, self._temperature, self._value_coef = context, temperature, value_coef
        self._every_epochs = every_epochs
        self._versions = checkpoints.versions(newest.parent) if every_epochs else [newest]
        self._loaded: tuple[Path, nn.Module] | None = None
        self._teacher_at(0)

    def _teacher_at(self, epoch: int) -> nn.Module:
        step = epoch // self._every_epochs if self._every_epochs else 0
        version = self._versions[min(step, len(self._versions) - 1)]
        if self._loaded is None or self._loaded[0] != version:
            # In a tuple, so that its weights are not taken for the loss's own and trained.
            self._loaded = version, load_teacher(version, self._context)
        return self._loaded[1]

    def forward(self, batch: Minibatch) -> Tensor:
        teacher = self._teacher_at(batch.epoch)
        with torch.no_grad():
            logits, values = teacher(batch.observations, {"resets": batch.resets})
        loss = distillation_loss(batch.logits, logits.view_as(batch.logits), self._temperature)
        return loss + self._value_coef * (batch.values - values.view_as(batch.values)).square().mean()

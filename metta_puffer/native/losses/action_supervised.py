"""Behaviour cloning: the actions a teacher recommends, as labels (Pomerleau 1989; Ross et al. 2011, "DAgger")."""

from collections.abc import Mapping

import torch
from torch import Tensor

from metta_puffer.config.loss_options import ENVIRONMENT, KEY, ActionSupervisedOptions
from metta_puffer.errors import UserError
from metta_puffer.native.losses.teacher import Teacher
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch, Moment


class ActionSupervised(LossTerm):
    """Mean of -log p(teacher's action) over the agent-steps for which there is one.

    The teacher is a checkpoint, whose likeliest action it is, or the environment, which then writes PufferLib's
    `teacher_actions` and says so by `gives_teacher_actions = True`. Numbers that are no action recommend none. With
    `lead` the teacher's action is taken in that share of agent-steps; the policy's own probability of it is stored.
    """

    def __init__(self, context: Context, options: ActionSupervisedOptions) -> None:
        super().__init__()
        self._num_actions, self._lead = context.num_actions, options.lead
        self._teacher: Teacher | None = None
        if options.teacher != ENVIRONMENT:
            self._teacher = Teacher(context, "action_supervised", options.teacher)
        elif not getattr(context.driver_env, "gives_teacher_actions", False):
            raise UserError(
                "this environment recommends no actions",
                key=f"{KEY} action_supervised.teacher",
                value=options.teacher,
                remedy="name a run folder, or give the environment a teacher of its own (env.supervisor)",
            )

    @property
    def advice(self) -> dict[str, Tensor]:
        return {"actions": torch.zeros((), dtype=torch.int64)}

    def advise(self, moment: Moment) -> dict[str, Tensor]:
        if self._teacher is not None:
            return {"actions": self._teacher.ask(moment)[0].argmax(-1)}
        assert moment.teacher_actions is not None  # the environment said it gives them
        return {"actions": moment.teacher_actions}

    def lead(self, advice: Mapping[str, Tensor], actions: Tensor, generator: torch.Generator) -> Tensor:
        if not self._lead:
            return actions
        taught = advice["actions"]
        led = torch.rand(taught.shape, generator=generator, device=taught.device) < self._lead
        return torch.where(led & self._given(taught), taught, actions)

    def _given(self, actions: Tensor) -> Tensor:
        return (actions >= 0) & (actions < self._num_actions)

    def forward(self, batch: Minibatch) -> Tensor:
        actions = batch.advice["actions"]
        given = self._given(actions)
        wanted = torch.where(given, actions, 0)[..., None]
        logprobs = batch.logits.log_softmax(-1).gather(-1, wanted).squeeze(-1)
        return -(logprobs * given).sum() / given.sum().clamp(min=1)

    def rollout_state(self) -> dict[str, Tensor]:
        return self._teacher.state() if self._teacher else {}

    def restore_rollout_state(self, tensors: Mapping[str, Tensor]) -> None:
        if self._teacher:
            self._teacher.restore(tensors)

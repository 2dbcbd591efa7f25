"""A trained policy beside the one that learns, asked in the rollout."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from metta_puffer.config.loss_options import KEY
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.losses.term import Context, Moment
from metta_puffer.policies import build_policy


class Teacher:
    """Sees what the learner sees, and remembers each group's episodes with a memory of its own.

    `loss` is whose teacher it is, for messages. With `every_epochs` the versions of the run at `location` teach one
    after the other, oldest first, so many epochs each and the newest for the rest; without, the one that it names.
    Raises UserError when there is none, or it does not fit the environment.
    """

    # No nn.Module: its weights are not the loss's own, to be trained and saved.

    def __init__(self, context: Context, loss: str, location: str, every_epochs: int | None = None) -> None:
        self._context, self._key, self._every_epochs = context, f"{KEY} {loss}.teacher", every_epochs
        self._versions = [checkpoints.resolve(location)] if every_epochs is None else checkpoints.resolve_all(location)
        self._memory: dict[str, Tensor] = {}  # "h/GROUP", "c/GROUP"
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Takes the version that teaches in `epoch`."""
        step = 0 if self._every_epochs is None else epoch // self._every_epochs
        version = self._versions[min(step, len(self._versions) - 1)]
        if getattr(self, "version", None) != version:
            self.version, self._policy = version, self._load(version)

    def _load(self, version: str) -> nn.Module:
        checkpoint = checkpoints.load(version)
        try:
            policy = build_policy(checkpoints.plan_of(checkpoint, version).policy, self._context.driver_env)
            policy.load_state_dict(checkpoint.weights)
        except RuntimeError as error:
            raise UserError(
                f"this teacher does not fit the environment ({str(error).splitlines()[0]})",
                file=version,
                key=self._key,
                remedy="name a checkpoint that was trained on the same game",
            ) from error
        return policy.to(self._context.plan.device).requires_grad_(False)

    @torch.no_grad()
    def ask(self, moment: Moment) -> tuple[Tensor, Tensor]:
        """Its logits [n, actions] and values [n]."""
        names = {"lstm_h": f"h/{moment.group}", "lstm_c": f"c/{moment.group}"}
        keep = (1.0 - moment.begins)[:, None]
        state: dict[str, Any] = {
            key: self._memory[name] * keep if name in self._memory else None for key, name in names.items()
        }
        logits, values = self._policy.forward_eval(moment.observations, state)  # type: ignore[operator]
        if getattr(self._policy, "recurrent", False):
            self._memory |= {name: state[key] for key, name in names.items()}
        return logits, values.flatten()

    def state(self) -> dict[str, Tensor]:
        """What it remembers."""
        return dict(self._memory)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        self._memory = dict(tensors)

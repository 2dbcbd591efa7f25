"""A loss beside PPO's, and a random minibatch for it."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from metta_puffer.config.loss_options import OPTIONS
from metta_puffer.native.losses.registry import LOSSES
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch
from tests.native.toys import RecallEnv, toy_plan

ROWS, HORIZON, ACTIONS, WIDTH = 8, 6, 2, 5


def context(**changes: Any) -> Context:
    plan = toy_plan("unused", batch__minibatch_segments=ROWS, **changes)
    return Context(plan, RecallEnv(8, 0), WIDTH, ACTIONS)


def loss_of(name: str, setting: Context | None = None, **options: Any) -> Any:
    return LOSSES[name](setting or context(), OPTIONS[name](**options))


def minibatch(seed: int = 0, **changes: Any) -> Minibatch:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    dones = (torch.rand(ROWS, HORIZON + 1, generator=generator) < 0.2).float()
    logits = normal(ROWS, HORIZON, ACTIONS)
    actions = torch.randint(0, ACTIONS, (ROWS, HORIZON), generator=generator)
    values: dict[str, Any] = {
        "observations": torch.full((ROWS, HORIZON, 4, 3), 255, dtype=torch.uint8),
        "actions": actions,
        "rewards": normal(ROWS, HORIZON + 1),
        "dones": dones,
        "resets": dones[:, :-1],
        "old_logprobs": normal(ROWS, HORIZON) * 0.1 - 0.7,
        "returns": normal(ROWS, HORIZON),
        "logits": logits,
        "logprobs": torch.log_softmax(logits, -1).gather(-1, actions[..., None]).squeeze(-1),
        "values": normal(ROWS, HORIZON),
        "hidden": normal(ROWS, HORIZON, WIDTH),
        "quantiles": normal(ROWS, HORIZON, 5),
        "advice": {},
        "generator": generator,
        "gamma": 0.9,
        "gae_lambda": 0.9,
    }
    return Minibatch(**{**values, **changes})


def in_double(batch: Minibatch) -> Minibatch:
    def double(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: double(one) for name, one in value.items()}
        return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value

    fields = dataclasses.fields(batch)
    return Minibatch(**{field.name: double(getattr(batch, field.name)) for field in fields})


def gradients_agree(loss: LossTerm, batch: Minibatch, moved: str) -> bool:
    """Whether the gradient of a loss (in double) for one tensor of the minibatch is what finite differences give."""
    batch = in_double(batch)

    def of(tensor: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(3)
        return loss(dataclasses.replace(batch, generator=generator, **{moved: tensor}))

    return bool(torch.autograd.gradcheck(of, getattr(batch, moved).requires_grad_()))

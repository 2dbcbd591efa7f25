"""From the name in a `PolicyPlan` to a module."""

import inspect
from typing import Any

from torch import nn

from metta_puffer.config.plan import PolicyPlan
from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.policies.actor_critic import ActorCritic
from metta_puffer.policies.cortex import CortexPolicy
from metta_puffer.policies.fast import FastPolicy
from metta_puffer.policies.lstm import LSTMPolicy
from metta_puffer.policies.mamba import MambaPolicy
from metta_puffer.policies.memory_free import MemoryFreePolicy
from metta_puffer.policies.small import SmallPolicy
from metta_puffer.policies.tokens import TokenChannels, window_shape
from metta_puffer.policies.vit import VitMediumPolicy, VitSmallPolicy, VitTinyPolicy

POLICIES: dict[str, type[nn.Module]] = {
    "cortex": CortexPolicy,
    "fast": FastPolicy,
    "lstm": LSTMPolicy,
    "mamba": MambaPolicy,
    "memory-free": MemoryFreePolicy,
    "small": SmallPolicy,
    "vit-medium": VitMediumPolicy,
    "vit-small": VitSmallPolicy,
    "vit-tiny": VitTinyPolicy,
}
_GIVEN = {"self", "channels", "height", "width", "num_actions", "recurrent", "core"}
_OF_ALL = {"window": 11, "value_quantiles": 1}  # options of every policy, with their defaults


def policy_options(name: str) -> dict[str, Any]:
    """The options of a policy with their defaults. UserError when there is no such policy."""
    if name not in POLICIES:
        raise UserError(
            f"no such policy.{did_you_mean(name, POLICIES)}",
            remedy=f"choose one of {', '.join(sorted(POLICIES))}",
            key="policy.name",
            value=name,
        )
    parameters = inspect.signature(POLICIES[name]).parameters
    return {option: one.default for option, one in parameters.items() if option not in _GIVEN} | _OF_ALL


def build_policy(plan: PolicyPlan, env: Any, *, channels: TokenChannels | None = None) -> nn.Module:
    """A fresh policy for `env`, a driver environment: `single_observation_space` Box uint8 [tokens, 3],
    `single_action_space` Discrete and, where it runs a game, its MettaGridConfig `config`.

    `channels` are those of an earlier game whose policy is to run in this one; features are matched by name.
    Raises UserError for an unknown policy or option, or an action space other than Discrete.
    """
    defaults = policy_options(plan.name)
    if not hasattr(env.single_action_space, "n"):
        raise UserError(
            "the policies choose one of a number of discrete actions",
            remedy="use an environment with a Discrete action space",
            key="single_action_space",
            value=env.single_action_space,
        )
    for option, value in plan.options.items():
        if option not in defaults:
            raise UserError(
                f"policy {plan.name!r} has no such option.{did_you_mean(option, defaults)}",
                remedy=f"its options are {', '.join(defaults)}",
                key=f"policy.{option}",
                value=value,
            )
        _check_kind(option, value, defaults[option])
    of_env = TokenChannels.of_env(env)
    seen = of_env if channels is None else channels.seen_through(of_env)
    height, width = window_shape(env, plan.options)
    own = {name: value for name, value in plan.options.items() if name not in _OF_ALL}
    policy = POLICIES[plan.name](seen, height, width, int(env.single_action_space.n), recurrent=plan.recurrent, **own)
    quantiles = plan.options.get("value_quantiles", _OF_ALL["value_quantiles"])
    if quantiles > 1:
        assert isinstance(policy, ActorCritic)
        policy.estimate_quantiles(quantiles)
    return policy


def _check_kind(option: str, value: object, default: object) -> None:
    """Raises UserError unless `value` is what the option's default is: a size or a text."""
    if isinstance(default, int):
        wanted, right = "a whole number above 0", type(value) is int and value > 0
    else:
        wanted, right = "a text", isinstance(value, str)
    if not right:
        raise UserError(f"must be {wanted}", remedy=f"the default is {default!r}", key=f"policy.{option}", value=value)

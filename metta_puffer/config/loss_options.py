"""The options of the losses that can be added to PPO's: names, kinds, defaults. The losses are in native/losses."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, ValidationError

from metta_puffer.config.kinds import Count, Kind, NotNegative, Positive, Share, Text, field_kind
from metta_puffer.config.plan import Frozen, LossTermPlan
from metta_puffer.config.problems import Problem
from metta_puffer.config.settings import Source
from metta_puffer.errors import did_you_mean

KEY = "trainer.losses"
ENVIRONMENT = "environment"  # as a teacher: the actions that the environment itself recommends

AtLeastOne = Annotated[float, Field(ge=1, allow_inf_nan=False), Kind("a number of at least 1")]
Several = Annotated[int, Field(ge=2), Kind("a whole number of at least 2")]


class ActionSupervisedOptions(Frozen):
    teacher: Text = Field(description=f"run folder or version of a native run, or {ENVIRONMENT!r}")
    lead: Share = Field(0.0, description="share of agent-steps in which the teacher's action is taken")


class ContrastiveOptions(Frozen):
    temperature: Positive = Field(0.19, description="divides the similarities")
    mean_offset: AtLeastOne = Field(8.0, description="mean distance of a pair in agent-steps")
    size: Count = Field(32, description="width of the projection")
    anchors: Several = Field(256, description="most pairs of one minibatch")


class DynamicsOptions(Frozen):
    reward_coef: NotNegative = Field(1.0, description="weight of the reward's error")
    return_coef: NotNegative = Field(1.0, description="weight of the return's error")


class GrpoOptions(Frozen):
    group_size: Several = Field(4, description="neighbouring rows that are compared; divides a minibatch's rows")
    clip_coef: NotNegative = Field(0.2, description="clip range of the policy ratio")


class GtdLambdaOptions(Frozen):
    beta: NotNegative = Field(1.0, description="weight of the auxiliary head's squared weights")
    aux_coef: NotNegative = Field(1.0, description="weight of the auxiliary head's loss")


class KickstarterOptions(Frozen):
    teacher: Text = Field(description="run folder or version of a native run")
    temperature: Positive = Field(2.0, description="softens both distributions")
    value_coef: NotNegative = Field(1.0, description="weight of the values' squared distance")


class QuantileCriticOptions(Frozen):
    kappa: NotNegative = Field(1.0, description="error above which the Huber loss is linear; 0 for no Huber loss")


class SlKickstarterOptions(Frozen):
    teacher: Text = Field(description="run folder of a native run, whose versions are the teachers one by one")
    every_epochs: Count = Field(10, description="epochs with one version before the next")
    value_coef: NotNegative = Field(1.0, description="weight of the values' squared distance")


class StableLatentOptions(Frozen):
    pass


OPTIONS: dict[str, type[Frozen]] = {
    "action_supervised": ActionSupervisedOptions,
    "contrastive": ContrastiveOptions,
    "dynamics": DynamicsOptions,
    "grpo": GrpoOptions,
    "gtd_lambda": GtdLambdaOptions,
    "kickstarter": KickstarterOptions,
    "quantile_critic": QuantileCriticOptions,
    "sl_kickstarter": SlKickstarterOptions,
    "stable_latent": StableLatentOptions,
}


def check_losses(losses: Sequence[LossTermPlan], source: Source | None = None) -> dict[str, Frozen]:
    """The options of each loss by its name. Raises UserError for unknown names and options, wrong kinds, doubles."""
    found: dict[str, Frozen] = {}
    for loss in losses:
        if loss.name in found:
            raise Problem(
                "a loss is named twice", "keep one of them, and change its coef", KEY, loss.name, source
            ).error()
        result = _options(loss, source)
        if isinstance(result, Problem):
            raise result.error()
        found[loss.name] = result
    return found


def _options(loss: LossTermPlan, source: Source | None) -> Frozen | Problem:
    if loss.name not in OPTIONS:
        hint, remedy = did_you_mean(loss.name, OPTIONS), f"choose among {', '.join(OPTIONS)}"
        return Problem(f"no such loss.{hint}", remedy, KEY, loss.name, source)
    fields = OPTIONS[loss.name].model_fields
    for option, value in loss.options.items():
        if option not in fields:
            hint, remedy = did_you_mean(option, fields), f"its options are {', '.join(fields) or 'none'}"
            return Problem(f"this loss has no such option.{hint}", remedy, f"{KEY} {loss.name}.{option}", value, source)
    try:
        return OPTIONS[loss.name].model_validate(loss.options)
    except ValidationError as error:
        option = str(error.errors()[0]["loc"][0])
        kind, value = field_kind(fields[option]), loss.options.get(option)
        message = f"expected {kind}" if option in loss.options else "is missing"
        return Problem(
            message, f"give {kind}: {fields[option].description}", f"{KEY} {loss.name}.{option}", value, source
        )

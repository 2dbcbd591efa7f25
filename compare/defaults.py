"""Options that one plan leaves out and another gives at their default: no difference, though the plans look unequal."""

from collections.abc import Callable, Mapping
from typing import Any

from metta_puffer.config.loss_options import OPTIONS
from metta_puffer.config.open_options import POLICIES, env_options
from metta_puffer.config.plan import LossTermPlan, RunPlan

Options = dict[str, Any]


def written_out(*plans: RunPlan) -> list[RunPlan]:
    """The plans with every option of game, policy and losses in them, at its default where a plan leaves it out.

    Only where the plans do not agree on the options of one and the same thing: the others' defaults are not needed.
    """
    changes: list[dict[str, Any]] = [{} for _ in plans]
    for section, name, options, defaults in (
        ("env", "game", "game_options", env_options),
        ("policy", "name", "options", _policy_options),
    ):
        parts = [getattr(plan, section) for plan in plans]
        for change, part, filled in zip(changes, parts, _filled(parts, name, options, defaults), strict=True):
            change[section] = part.model_copy(update={options: filled})
    for change, plan in zip(changes, plans, strict=True):
        change["losses"] = tuple(_loss(loss) for loss in plan.losses)
    return [plan.model_copy(update=change) for plan, change in zip(plans, changes, strict=True)]


def _filled(parts: list[Any], name: str, options: str, defaults: Callable[[str], Mapping[str, Any]]) -> list[Options]:
    given = [getattr(part, options) for part in parts]
    names = [getattr(part, name) for part in parts]
    if all(one == given[0] for one in given) or len(set(names)) > 1:
        return given
    return [{**defaults(names[0]), **one} for one in given]


def _policy_options(name: str) -> Mapping[str, Any]:
    return POLICIES.get(name, {})


def _loss(loss: LossTermPlan) -> LossTermPlan:
    defaults = {
        name: field.default for name, field in OPTIONS[loss.name].model_fields.items() if not field.is_required()
    }
    return loss.model_copy(update={"options": {**defaults, **loss.options}})

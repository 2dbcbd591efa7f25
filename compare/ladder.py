"""Which difference causes what: mixtures of the two arms' settings, one group of settings switched at a time.

PuffeRL's rules are fixed in its code, so the walk begins with our trainer doing exactly as PuffeRL does, with the
puffer arm's sizes and numbers: what changes in that first step is due to the trainers' code alone. From there every
group of settings that differs is switched to the native arm's, in all orders, and the difference is shared out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compare.defaults import written_out
from compare.plan import WITHOUT_EFFECT
from compare.rundir import Run
from compare.shapley import Mixture, Share, linear_reach, mixtures, shares
from metta_puffer.config.plan import EnvPlan, RunPlan
from metta_puffer.errors import UserError

TRAINER_STEP = "trainer"
PREFIX = "ladder-"
# The declared groups, by dotted path of a plan; the longest path that fits counts.
GROUPS = {
    "env": "agents and worlds",
    "batch": "batch and minibatches",
    "optimizer": "optimizer and loss",
    "loss": "optimizer and loss",
    "rules": "sampling and advantages",
    "rules.reward_clamp": "rewards",
    "rules.reward_centering": "rewards",
    "rules.truncation": "episode ends and memory",
    "rules.rollout_state": "episode ends and memory",
    "rules.training_state": "episode ends and memory",
    "rules.reset_state_on_done": "episode ends and memory",
    "policy": "policy",
}
OTHER = "other settings"
# Of a run rather than of an arm, or without effect on what is learned.
NOT_SWITCHED = WITHOUT_EFFECT | {"trainer", "seed", "env.seed", "run_dir", "notes"}


@dataclass(frozen=True)
class Switched:
    """A setting that a group switches, by its path in the plan, from the puffer arm's value to the native arm's."""

    path: str
    puffer: Any
    native: Any


def group_of(path: str) -> str:
    while path not in GROUPS:
        path, dot, _ = path.rpartition(".")
        if not dot:
            return OTHER
    return GROUPS[path]


def as_native(puffer: RunPlan, native: RunPlan) -> RunPlan:
    """The puffer arm's sizes, numbers and rules, for our trainer. Trainer-specific settings are the native arm's."""
    env = puffer.env
    worlds = EnvPlan(
        **{
            **env.model_dump(),
            "agents_per_env": env.agents_per_world,
            "envs": env.worlds,
            "worlds_per_env": 1,
            "envs_per_forward": env.worlds // env.groups,
            "backend": "Groups",
        }
    )
    return puffer.model_copy(
        update={"trainer": "native", "env": worlds, "extra": native.extra, "run_dir": native.run_dir}
    )


def leaves(plan: RunPlan) -> dict[str, Any]:
    """The plan's values by path: a section's fields one by one, and the fields outside sections."""
    result: dict[str, Any] = {}
    for name, value in plan.model_dump().items():
        if isinstance(value, dict) and name != "extra":
            result |= {f"{name}.{field}": inner for field, inner in value.items()}
        else:
            result[name] = value
    return {path: value for path, value in result.items() if path not in NOT_SWITCHED}


def switched_settings(a: RunPlan, b: RunPlan) -> dict[str, list[Switched]]:
    """By group what differs; an option given at its default is one left out."""
    left, right = (leaves(plan) for plan in written_out(a, b))
    found: dict[str, list[Switched]] = {}
    for path, before in left.items():
        after = right.get(path)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):  # options: those that differ
            keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
            parts = [Switched(f"{path}.{key}", before.get(key), after.get(key)) for key in keys]
        else:
            parts = [Switched(path, before, after)]
        found.setdefault(group_of(path), []).extend(parts)
    return found


def mix(a: RunPlan, b: RunPlan, switched: Mixture) -> RunPlan:
    """Plan a with the settings of the switched groups from plan b. Raises UserError where the sizes do not fit."""
    mixed, other = a.model_dump(), b.model_dump()
    for path in leaves(a):
        if group_of(path) in switched:
            section, dot, field = path.partition(".")
            if dot:
                mixed[section][field] = other[section][field]
            else:
                mixed[section] = other[section]
    plan = RunPlan.model_validate(mixed)
    agents = plan.env.total_agents
    if plan.rules.row_policy == "exact" and plan.batch.segments % agents:
        raise UserError(
            f"{plan.batch.segments} segments cannot be shared by {agents} agents when "
            f"{' and '.join(sorted(switched)) or 'nothing'} comes from the other arm",
            key="--ladder",
            remedy="make both arms' total agents divide both arms' segments, or let them agree on one of the two",
        )
    return plan


@dataclass(frozen=True)
class Ladder:
    """The runs of a ladder. Its first rung is every mixture's zero, its last the native arm itself."""

    switched: dict[str, list[Switched]]  # by group
    rungs: dict[Mixture, list[Run]]  # without the full mixture: those runs are the native arm's

    @property
    def groups(self) -> list[str]:
        return list(self.switched)

    @property
    def runs(self) -> list[Run]:
        """Seed by seed, so that stopping early leaves whole sets."""
        return [run for runs in zip(*self.rungs.values(), strict=True) for run in runs]


def plan_ladder(puffer: Sequence[Run], native: Sequence[Run], folder: Path) -> Ladder:
    """Every mixture with every seed of the two arms. Raises UserError for mixtures whose sizes do not fit."""
    start = as_native(puffer[0].plan, native[0].plan)
    switched = switched_settings(start, native[0].plan)
    groups = list(switched)
    rungs: dict[Mixture, list[Run]] = {}
    for mixture in mixtures(groups):
        if len(mixture) == len(groups) and groups:
            continue
        arm = PREFIX + ("+".join(name.replace(" ", "-") for name in groups if name in mixture) or "none")
        rungs[mixture] = [
            Run(
                arm,
                theirs.seed,
                mix(as_native(ours.plan, theirs.plan), theirs.plan, mixture).model_copy(
                    update={"run_dir": str(folder / f"{arm}-seed{theirs.seed}")}
                ),
            )
            for ours, theirs in zip(puffer, native, strict=True)
        ]
    return Ladder(switched, rungs)


@dataclass(frozen=True)
class Attribution:
    """From the puffer arm's mean final score to the native arm's, step by step."""

    start: float
    end: float
    steps: list[Share]  # the trainers' code first, then the groups
    scores: dict[Mixture, np.ndarray]  # final scores of every mixture, [seeds]; the full one's are the native arm's


def attribute(
    puffer: np.ndarray, native: np.ndarray, rungs: dict[Mixture, np.ndarray], groups: Sequence[str]
) -> Attribution:
    """`puffer`, `native` and `rungs` are final scores, [seeds]; `rungs` as `Ladder.rungs`."""
    scores = {**rungs, frozenset(groups): native} if groups else dict(rungs)
    zero = scores[frozenset()]
    reach = linear_reach([(1.0, zero), (-1.0, puffer)], 0.0, 0.95)
    code = float(zero.mean() - puffer.mean())
    steps = [Share(TRAINER_STEP, code, code - reach, code + reach), *shares(scores, groups)]
    end = float((native if groups else zero).mean())
    return Attribution(float(puffer.mean()), end, steps, scores)

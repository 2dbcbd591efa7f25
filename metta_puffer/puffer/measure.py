"""What one round of PuffeRL is logged as: names and meanings are those of metta_puffer.tracking.schema."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from metta_puffer.errors import UserError

SCORE_STAT = "episode_return"

# PuffeRL's profiler stages and what they are called here: rollout is its evaluate(), update its train().
STAGES = {
    "eval": "rollout",
    "env": "rollout_env",
    "eval_forward": "rollout_forward",
    "eval_copy": "rollout_copy",
    "eval_misc": "rollout_misc",
    "train": "update",
    "train_forward": "update_forward",
    "learn": "update_backward",
    "train_copy": "update_copy",
    "train_misc": "update_misc",
}


class StageClock:
    """Seconds by stage since the last reading, from PuffeRL's own profiler."""

    def __init__(self, profile: Any) -> None:
        self._profile = profile
        self._read = dict.fromkeys(STAGES, 0.0)
        profile.frequency = 1  # it would time every fifth round only

    def lap(self) -> dict[str, float]:
        values = {}
        for stage, name in STAGES.items():
            elapsed = float(getattr(self._profile, stage)["elapsed"])
            values[f"seconds/{name}"] = elapsed - self._read[stage]
            self._read[stage] = elapsed
        return values


def environment_values(stats: Mapping[str, Sequence[Any]]) -> dict[str, float]:
    """`environment/*`: the mean of each numeric statistic over the episodes that ended, and `score` when any did."""
    values = {}
    for name, samples in stats.items():
        mean = _mean(samples)
        if mean is not None:
            values[f"environment/{name}"] = mean
    if f"environment/{SCORE_STAT}" in values:
        values["score"] = values[f"environment/{SCORE_STAT}"]
    return values


def loss_values(losses: Mapping[str, float]) -> dict[str, float]:
    """`losses/*`; explained_variance is left out where it is undefined (constant returns).

    Raises UserError when another loss is no finite number: the weights are lost, and every later round would be.
    """
    values = {f"losses/{name}": float(value) for name, value in losses.items()}
    if not math.isfinite(values.get("losses/explained_variance", 0.0)):
        del values["losses/explained_variance"]
    for name, value in values.items():
        if not math.isfinite(value):
            raise UserError(
                f"learning diverged: {name} is {value}",
                remedy="lower train.learning_rate, or raise train.adam_eps; earlier checkpoints are as they were",
            )
    return values


def _mean(samples: Sequence[Any]) -> float | None:
    """None when there is nothing to average: no sample, or samples that are no finite numbers."""
    try:
        mean = sum(float(sample) for sample in samples) / len(samples)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return mean if math.isfinite(mean) else None

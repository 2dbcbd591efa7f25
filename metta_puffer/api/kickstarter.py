"""Learning from a trained policy beside the reward."""

from dataclasses import dataclass

from metta_puffer.config.plan import LossTermPlan
from metta_puffer.uris import Location


@dataclass(frozen=True)
class Kickstarter:
    """What an Experience and `process_minibatch_update` are given to learn from a teacher; without one, nothing.

    `teacher`: a run folder or URI of a native run, also as RUN:vN or RUN:latest. `coef` weighs the whole loss,
    `value_coef` the values' squared distance within it, up to `end_agent_steps` of the run.
    """

    teacher: Location | None = None
    coef: float = 1.0
    temperature: float = 2.0
    value_coef: float = 1.0
    end_agent_steps: int | None = None

    @property
    def losses(self) -> tuple[LossTermPlan, ...]:
        if self.teacher is None:
            return ()
        options = {"teacher": str(self.teacher), "temperature": self.temperature, "value_coef": self.value_coef}
        return (
            LossTermPlan(name="kickstarter", coef=self.coef, end_agent_steps=self.end_agent_steps, options=options),
        )

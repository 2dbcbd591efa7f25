"""Numbers of the plan that change in the course of a run."""

from collections.abc import Mapping

from metta_puffer.config.arithmetic import schedule_share
from metta_puffer.config.plan import LossTermPlan, RunPlan, SchedulePlan
from metta_puffer.errors import UserError, did_you_mean

# Sections of the configuration -> of the plan.
_SECTIONS = {"optimizer": "optimizer", "ppo": "loss", "vtrace": "loss", "prioritized_experience_replay": "loss"}


class Schedules:
    """`at(agent_steps)` is the plan for that moment; `observe` feeds the metrics that schedules follow."""

    def __init__(self, plan: RunPlan) -> None:
        """Raises UserError for a key that is no number of the plan, or a schedule that lacks what its kind needs."""
        self._plan = plan
        self._schedules = [(schedule, *_place(schedule, plan)) for schedule in plan.schedules]
        self.smoothed: dict[str, float] = {}  # metrics seen so far; part of a checkpoint

    def observe(self, values: Mapping[str, float]) -> None:
        for schedule in self._plan.schedules:
            if schedule.metric is not None and schedule.metric in values:
                new = values[schedule.metric]
                old = self.smoothed.get(schedule.key, new)
                self.smoothed[schedule.key] = schedule.metric_smoothing * old + (1 - schedule.metric_smoothing) * new

    def at(self, agent_steps: int) -> RunPlan:
        changes: dict[str, dict[str, float]] = {}
        for schedule, section, name in self._schedules:
            share = self._share(schedule, agent_steps)
            if share is not None:
                changes.setdefault(section, {})[name] = schedule.start + share * (schedule.end - schedule.start)
        coefs = changes.pop("losses", {})
        sections = {section: getattr(self._plan, section).model_copy(update=new) for section, new in changes.items()}
        if coefs:
            terms = (loss.model_copy(update={"coef": coefs.get(_coef(loss), loss.coef)}) for loss in self._plan.losses)
            sections["losses"] = tuple(terms)
        return self._plan.model_copy(update=sections) if sections else self._plan

    def _share(self, schedule: SchedulePlan, agent_steps: int) -> float | None:
        """How far from start (0) to end (1); None where the configured number holds."""
        if schedule.kind == "metric":
            if schedule.key not in self.smoothed:
                return None
            width = schedule.metric_end - schedule.metric_start
            return min(max((self.smoothed[schedule.key] - schedule.metric_start) / width, 0.0), 1.0)
        end = self._plan.batch.total_timesteps if schedule.end_agent_steps is None else schedule.end_agent_steps
        return schedule_share(schedule.kind, agent_steps, schedule.begin_agent_steps, end, schedule.period_agent_steps)


def _place(schedule: SchedulePlan, plan: RunPlan) -> tuple[str, str]:
    """(section of the plan, name in it) that the schedule's key means."""
    known = [
        f"{section}.{name}"
        for section, part in _SECTIONS.items()
        for name, value in getattr(plan, part)
        if isinstance(value, float) or name == "target_kl"
    ]
    # Rules that stand in no section, where they are on.
    known += [name for name in ("reward_clamp", "reward_centering") if getattr(plan.rules, name) is not None]
    known += [f"losses.{_coef(loss)}" for loss in plan.losses]
    if schedule.key not in known:
        raise _refused(
            schedule,
            f"this is no number of the trainer.{did_you_mean(schedule.key, known)}",
            f"name one of {', '.join(sorted(known))}",
        )
    if schedule.kind == "sawtooth" and not schedule.period_agent_steps:
        raise _refused(schedule, "a sawtooth needs a period", "give period_agent_steps")
    if schedule.kind == "metric" and (not schedule.metric or schedule.metric_start == schedule.metric_end):
        raise _refused(
            schedule, "no metric with two different ends is given", "give metric, metric_start and metric_end"
        )
    if schedule.end_agent_steps is not None and schedule.end_agent_steps <= schedule.begin_agent_steps:
        raise _refused(schedule, "it ends before it begins", "give end_agent_steps above begin_agent_steps")
    section, dot, name = schedule.key.partition(".")
    return (_SECTIONS.get(section, section), name) if dot else ("rules", section)


def _coef(loss: LossTermPlan) -> str:
    return f"{loss.name}.coef"


def _refused(schedule: SchedulePlan, what: str, remedy: str) -> UserError:
    return UserError(what, key="trainer.schedules", value=schedule.key, remedy=remedy)

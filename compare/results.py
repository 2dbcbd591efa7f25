"""What the runs of a comparison came to, read from their directories: records, curves, verdict, summary."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from compare import rundir
from compare.baseline import same_worlds, worlds_of
from compare.curves import Axis, Curve, Floats, align, curve
from compare.evaluation import EVALUATIONS_FILE, MODES, PREFIX
from compare.fairness import SameStart, initial_weights, shared_cores
from compare.ladder import Attribution, Ladder, Switched, attribute
from compare.plan import CONTROL_SUFFIX, WITHOUT_EFFECT, arithmetic, differences
from compare.rundir import Run, Status
from compare.shapley import Mixture
from compare.statistics import Verdict, compare_arms, final_scores
from metta_puffer.errors import UserError
from metta_puffer.tracking import store
from metta_puffer.tracking.jsonl import read_records
from metta_puffer.tracking.schema import MetricRecord

MAX_LISTED = 6  # runs by name in one line about them


@dataclass(frozen=True)
class RunResults:
    """One run as its directory shows it."""

    run: Run
    status: Status
    records: list[MetricRecord]
    evaluations: list[MetricRecord]  # of its frozen policies, oldest first
    outcome: dict[str, Any]  # of result.json, or of failure.json; empty while neither is there

    @classmethod
    def read(cls, run: Run) -> "RunResults":
        """A run whose metrics cannot be read is a failed one, not the end of the comparison."""
        status = rundir.status(run)
        try:
            records = read_records(run.metrics)
            evaluations = read_records(run.dir / EVALUATIONS_FILE)
        except UserError as error:
            return cls(run, "failed", [], [], {"how": str(error), "log_tail": ""})
        name = {"finished": rundir.RESULT_FILE, "failed": rundir.FAILURE_FILE}.get(status)
        return cls(run, status, records, evaluations, rundir.read_json(run.dir / name) or {} if name else {})

    def scores(self, axis: Axis) -> Curve | None:
        """Its curve, None for a run that is not finished."""
        return curve(self.records, axis) if self.status == "finished" else None

    @property
    def agent_steps(self) -> int:
        return self.records[-1].agent_steps if self.records else 0

    @property
    def wall_seconds(self) -> float:
        return self.records[-1].wall_seconds if self.records else 0.0

    @property
    def agent_steps_per_second(self) -> float | None:
        """Over the whole run, set-up left out where two records allow it."""
        if len(self.records) < 2:
            return None
        first, last = self.records[0], self.records[-1]
        seconds = last.wall_seconds - first.wall_seconds
        return (last.agent_steps - first.agent_steps) / seconds if seconds > 0 else None

    def row(self, out: Path) -> store.RunRow:
        last = self.records[-1] if self.records else None
        error = None if self.status != "failed" else f"{self.outcome.get('how')}\n{self.outcome.get('log_tail')}"
        directory = self.run.dir
        return store.RunRow(
            run_id=self.run.run_id,
            arm=self.run.arm,
            seed=self.run.seed,
            status=self.status,
            trainer=self.run.plan.trainer,
            run_dir=str(directory.relative_to(out) if directory.is_relative_to(out) else directory),
            plan_hash=rundir.plan_hash(self.run.plan),
            plan=self.run.plan.model_dump_json(),
            epochs=last.epoch if last else None,
            agent_steps=last.agent_steps if last else None,
            gradient_updates=last.gradient_updates if last else None,
            wall_seconds=last.wall_seconds if last else None,
            error=error,
        )


@dataclass(frozen=True)
class LadderResults:
    """The mixtures' runs of --ladder; fields as in `compare.ladder.Ladder`."""

    switched: dict[str, list[Switched]]
    rungs: dict[Mixture, list[RunResults]]

    @property
    def groups(self) -> list[str]:
        return list(self.switched)

    @property
    def runs(self) -> list[RunResults]:
        return [run for rung in self.rungs.values() for run in rung]


@dataclass(frozen=True)
class Results:
    """A whole comparison. The first two of `arms` are the verdict's a and b; others are shown beside them."""

    arms: tuple[str, ...]
    runs: list[RunResults]
    random_score: float | None  # of the random policy on the same worlds; None where it is unknown
    provenance: dict[str, Any]
    findings: list[dict[str, Any]] = field(default_factory=list)  # of the audit of both configurations
    confidence: float = 0.95  # of the verdicts
    axis: Axis = "agent_steps"  # what the arms were given equal budgets of
    ladder: LadderResults | None = None

    def of(self, arm: str) -> list[RunResults]:
        return [result for result in self.runs if result.run.arm == arm]

    def aligned(self, a: str, b: str) -> tuple[Floats, tuple[Floats, Floats]]:
        """Grid on `axis` inside the range of both arms, and their curves on it, [seeds, points] each.

        Runs that are not finished are rows of NaN. Without any common range there is one point, unknown to all.
        """
        runs = [*self.of(a), *self.of(b)]
        grid, rows = align([run.scores(self.axis) for run in runs])
        if not len(grid):
            grid, rows = np.zeros(1), np.full((len(runs), 1), np.nan)
        return grid, (rows[: len(self.of(a))], rows[len(self.of(a)) :])

    def compare(self, a: str, b: str) -> Verdict:
        return compare_arms(*self.aligned(a, b)[1], confidence=self.confidence)

    @cached_property
    def verdict(self) -> Verdict:
        return self.compare(*self.arms[:2])

    @cached_property
    def other_verdicts(self) -> dict[tuple[str, str], Verdict]:
        """Of the pairs with a further arm in them. One by one, with no correction for their number."""
        return {pair: self.compare(*pair) for pair in combinations(self.arms, 2) if pair != self.arms[:2]}

    @property
    def controls(self) -> list[tuple[str, str]]:
        """The pairs of an arm with itself (--aa)."""
        return [pair for pair in self.other_verdicts if pair[1] == pair[0] + CONTROL_SUFFIX]

    def control_sentence(self, a: str, b: str) -> str:
        """What a control came to, in words."""
        verdict = self.other_verdicts[a, b]
        share = f"{100 * (1 - verdict.confidence):.2g} %"
        if not verdict.complete:
            meaning = "It says nothing yet."
        elif verdict.decision == "undecided":
            meaning = "It finds no difference, as it should: the settings are equal and only the seeds differ."
        else:
            meaning = (
                f"It finds a difference where none is, which happens by chance in up to {share} of controls. "
                "If further seeds repeat it, something outside the settings differs: do not trust the verdict."
            )
        return f"{meaning} {verdict.sentence(a, b)}"

    @cached_property
    def evaluation_verdicts(self) -> dict[str, Verdict]:
        """By how actions were chosen: the last frozen policies compared. Empty where no run was evaluated."""
        if not any(result.evaluations for result in self.runs):
            return {}
        return {
            mode: compare_arms(
                *(self._last_evaluations(arm, PREFIX + mode) for arm in self.arms[:2]), confidence=self.confidence
            )
            for mode in MODES
        }

    def _last_evaluations(self, arm: str, name: str) -> Floats:
        """[seeds, 1]; NaN for a run that is not finished or was not evaluated."""
        judged = [result.evaluations if result.status == "finished" else [] for result in self.of(arm)]
        return np.array([[moments[-1].values[name] if moments else np.nan] for moments in judged])

    @cached_property
    def attribution(self) -> Attribution | None:
        """Who made the difference between the first two arms; None without a ladder or with a run of it missing."""
        if self.ladder is None:
            return None
        ends = [self.of(arm) for arm in self.arms[:2]]
        rungs = [*ends, *self.ladder.rungs.values()]
        flat = [run for rung in rungs for run in rung]
        grid, rows = align([run.scores(self.axis) for run in flat])
        if not len(grid) or not np.isfinite(rows).all():
            return None
        puffer, native, *mixed = np.split(final_scores(rows), np.cumsum([len(rung) for rung in rungs])[:-1])
        return attribute(puffer, native, dict(zip(self.ladder.rungs, mixed, strict=True)), self.ladder.groups)

    @cached_property
    def final_scores(self) -> dict[str, float]:
        """By run id, as the verdict counts them; NaN for a run that is not finished."""
        scores: dict[str, float] = {}
        for arm in self.arms[1:]:
            pair = self.arms[0], arm
            for name, curves in zip(pair, self.aligned(*pair)[1], strict=True):
                for result, score in zip(self.of(name), final_scores(curves), strict=True):
                    scores.setdefault(result.run.run_id, float(score))
        return scores

    @cached_property
    def same_start(self) -> SameStart:
        return initial_weights(self)

    @cached_property
    def shared_cores(self) -> str | None:
        return shared_cores(self.runs)

    @property
    def sentence(self) -> str:
        return self.verdict.sentence(*self.arms[:2])

    @property
    def winner(self) -> str:
        """The better arm's name, "undecided", or "incomplete"."""
        if not self.verdict.complete:
            return "incomplete"
        return {"a": self.arms[0], "b": self.arms[1], "undecided": "undecided"}[self.verdict.decision]

    @cached_property
    def problems(self) -> list[str]:
        """What keeps the verdict from being complete, or the arms from being comparable, and what to do about it."""
        runs = [*self.runs, *(self.ladder.runs if self.ladder else [])]
        unfinished = [result.run.run_id for result in runs if result.status in ("partial", "waiting")]
        found = [problem for problem in map(_problem, runs) if problem]
        if unfinished:
            listed = ", ".join(unfinished[:MAX_LISTED]) + (", …" if len(unfinished) > MAX_LISTED else "")
            counted = f"{len(unfinished)} runs are" if len(unfinished) > 1 else "1 run is"
            found.append(f"{counted} not finished ({listed}); --resume goes on")
        for arm in self.arms:
            first = self.of(arm)[0].run
            for other in (result.run for result in self.of(arm)[1:]):
                found_differences = differences(first.plan, other.plan)
                changed = [one.path for one in found_differences if one.group not in WITHOUT_EFFECT]
                if changed:
                    found.append(f"{other.run_id} has other settings than {first.run_id}: {', '.join(changed)}")
        plans = [self.of(arm)[0].run.plan for arm in self.arms]
        if not all(same_worlds(plans[0], other) for other in plans[1:]):
            described = (f"{arm} {worlds_of(plan.env)}" for arm, plan in zip(self.arms, plans, strict=True))
            found.append(f"the arms do not play the same worlds: {', '.join(described)}")
        return found

    def summary(self) -> dict[str, Any]:
        """Everything in numbers, as summary.json holds it; not-a-number is null there."""
        by_status: dict[str, int] = dict.fromkeys(("finished", "failed", "partial", "waiting"), 0)
        for result in self.runs:
            by_status[result.status] += 1
        plans = [self.of(arm)[0].run.plan for arm in self.arms]
        return finite(
            {
                "verdict": {
                    "result": self.winner,
                    "axis": self.axis,
                    "sentence": self.sentence,
                    **asdict(self.verdict),
                },
                "other_verdicts": [
                    {"a": a, "b": b, "sentence": verdict.sentence(a, b), **asdict(verdict)}
                    for (a, b), verdict in self.other_verdicts.items()
                ],
                "evaluations": {
                    mode: {"sentence": verdict.sentence(*self.arms[:2]), **asdict(verdict)}
                    for mode, verdict in self.evaluation_verdicts.items()
                },
                "completeness": {"planned": len(self.runs), **by_status, "problems": self.problems},
                "random_score": self.random_score,
                "initial_weights": asdict(self.same_start),
                "shared_cores": self.shared_cores,
                "arms": {
                    arm: {
                        "trainer": plan.trainer,
                        "resolved": arithmetic(plan),
                        "notes": list(plan.notes),
                        "runs": [self._run_summary(result) for result in self.of(arm)],
                    }
                    for arm, plan in zip(self.arms, plans, strict=True)
                },
                "plan_differences": [
                    {"path": difference.path, **dict(zip(self.arms, difference.values, strict=True))}
                    for difference in differences(*plans)
                ],
                "ladder": self._ladder_summary(),
                "findings": self.findings,
                "provenance": self.provenance,
            }
        )

    def _ladder_summary(self) -> dict[str, Any] | None:
        found = self.attribution
        if self.ladder is None or found is None:
            return None
        return {
            "start": found.start,
            "end": found.end,
            "steps": [asdict(step) for step in found.steps],
            "switched": {group: [asdict(one) for one in settings] for group, settings in self.ladder.switched.items()},
            "mixtures": [
                {"switched": sorted(mixture), "final_scores": scores.tolist()}
                for mixture, scores in found.scores.items()
            ],
        }

    def _run_summary(self, result: RunResults) -> dict[str, Any]:
        last = result.records[-1] if result.records else None
        return {
            "run_id": result.run.run_id,
            "seed": result.run.seed,
            "status": result.status,
            "final_score": self.final_scores[result.run.run_id],
            "evaluations": [{"agent_steps": moment.agent_steps, **moment.values} for moment in result.evaluations],
            "agent_steps": result.agent_steps,
            "gradient_updates": last.gradient_updates if last else 0,
            "wall_seconds": result.wall_seconds,
            "agent_steps_per_second": result.agent_steps_per_second,
            "error": result.outcome.get("how") if result.status == "failed" else None,
            "log_tail": result.outcome.get("log_tail") if result.status == "failed" else None,
        }


def _problem(result: RunResults) -> str | None:
    name = result.run.run_id
    if result.status == "failed":
        log = f"; see {result.run.log}" if result.run.log.exists() else ""
        return f"{name} failed ({result.outcome.get('how')}){log}"
    if result.status != "finished":
        return None  # all of them in one line
    scored = [record.values["score"] for record in result.records if "score" in record.values]
    if not scored:
        return (
            f"{name} has no score: no episode ended in its {result.agent_steps:,} agent-steps; give it a larger budget"
        )
    if not np.isfinite(scored).all():
        return f"{name} has scores that are not numbers: it diverged"
    limit, last = result.run.plan.total_wall_seconds, result.records[-1]
    if limit is not None and last.agent_steps >= result.run.plan.batch.total_timesteps:
        return (
            f"{name} came to the configuration's total_timesteps ({last.agent_steps:,} agent-steps) after "
            f"{last.wall_seconds:.0f} of {limit:g} seconds; raise total_timesteps, or lower --total-wall-seconds"
        )
    return None


def read_results(
    runs: Sequence[Run],
    random_score: float | None,
    provenance: dict[str, Any],
    *,
    findings: Sequence[dict[str, Any]] = (),
    confidence: float = 0.95,
    axis: Axis = "agent_steps",
    ladder: Ladder | None = None,
) -> Results:
    """Of `runs`, arms in the order of their first runs."""
    arms = tuple(dict.fromkeys(run.arm for run in runs))
    walked = None
    if ladder is not None:
        rungs = {mixture: [RunResults.read(run) for run in rung] for mixture, rung in ladder.rungs.items()}
        walked = LadderResults(ladder.switched, rungs)
    read = [RunResults.read(run) for run in runs]
    return Results(arms, read, random_score, provenance, list(findings), confidence, axis, walked)


def finite(value: Any) -> Any:
    """The same with None for what JSON cannot hold: NaN and infinities."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    if isinstance(value, np.floating | np.integer):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_summary(results: Results, path: Path) -> None:
    rundir.write_json(path, json.loads(json.dumps(results.summary(), allow_nan=False)))

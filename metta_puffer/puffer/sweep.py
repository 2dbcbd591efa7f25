"""Searching settings with pufferlib.sweep's methods, driven here: no account, one folder, resumable.

The stock sweep needs wandb or neptune. This one keeps everything under SWEEP_DIR: `sweep.jsonl` (one line when a run
starts, one when it ends) and each run's own folder, so that a stopped sweep goes on with the run it was in.
"""

import contextlib
import copy
import json
import os
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.puffer.contained import pufferl
from metta_puffer.puffer.train import train
from metta_puffer.puffer.trainer import make_run_dir
from metta_puffer.tracking.jsonl import METRICS_FILE, drop_torn_tail, read_records
from metta_puffer.tracking.schema import MetricRecord, MetricSink

METHODS = ("Protein", "ParetoGenetic", "Random")
JOURNAL = "sweep.jsonl"
# A space whose every point is refused would otherwise be searched for ever.
REFUSALS_IN_A_ROW = 100


@dataclass(frozen=True)
class Point:
    """What one moment of a run teaches the search."""

    score: float
    cost_seconds: float
    agent_steps: int


@dataclass(frozen=True)
class Trial:
    """One run of the sweep as the journal keeps it. `points` is None while the run has not ended."""

    run: int
    overrides: dict[str, Any]
    points: list[Point] | None = None
    refused: str | None = None


class Sweep:
    """`base` gives the folder (run_dir), the space (extra["sweep"]) and the seed; `plan_for(overrides, run_dir)` the
    plan of one run, raising UserError for settings that cannot be run; `sink_for(plan)` where its records go.
    """

    def __init__(
        self,
        base: RunPlan,
        plan_for: Callable[[dict[str, Any], str], RunPlan],
        sink_for: Callable[[RunPlan], MetricSink],
    ) -> None:
        self.plan_for, self.sink_for = plan_for, sink_for
        self.space = Space(base.extra["sweep"], base.extra["sweep_centre"])
        self.seed = base.seed
        self.folder = Path(base.run_dir)
        self.method = self.space.new_method(base.extra["max_suggestion_cost"])
        make_run_dir(base.run_dir)
        self.trials = read_journal(self.folder / JOURNAL)
        for trial in self.trials:
            self._learn(trial)

    def run(self, max_runs: int) -> bool:
        """Runs until `max_runs` runs have ended, those of earlier calls included. False when interrupted."""
        while len([t for t in self.trials if t.points is not None]) < max_runs:
            trial = self._next_trial()
            run_dir = str(self.folder / f"run_{trial.run:04d}")
            print(f"run {trial.run}: {describe(trial.overrides)}", flush=True)
            plan = self.plan_for(trial.overrides, run_dir)
            with contextlib.closing(self.sink_for(plan)) as sink:
                if train(plan, sink).status == "interrupted":
                    return False
            ended = Trial(trial.run, trial.overrides, self.space.points(run_dir))
            if not ended.points:
                raise UserError(
                    f"no record has it; there are {', '.join(sorted(self.space.measured(run_dir)))}",
                    key="sweep.metric",
                    value=self.space.metric,
                    remedy="name one of these, or train long enough for an episode to end",
                )
            self._write(ended)
        self.report()
        return True

    def report(self) -> None:
        """The runs, best first."""
        ended = [(trial.points[-1], trial) for trial in self.trials if trial.points]
        ended.sort(key=lambda pair: pair[0].score, reverse=self.space.maximize)
        table = Table(title=f"{self.space.metric}, best first")
        for name in ("run", self.space.metric, "seconds", "agent-steps", "settings"):
            table.add_column(name)
        for point, trial in ended:
            numbers = (trial.run, f"{point.score:.4g}", f"{point.cost_seconds:.1f}", point.agent_steps)
            table.add_row(*map(str, numbers), describe(trial.overrides))
        Console().print(table)
        if ended:
            print(f"best: {describe(ended[0][1].overrides)}")

    def _next_trial(self) -> Trial:
        if self.trials and self.trials[-1].points is None and self.trials[-1].refused is None:
            return self.trials[-1]
        for _ in range(REFUSALS_IN_A_ROW):
            number = len(self.trials) + 1
            self._seed(number)
            trial = Trial(number, self.space.suggestion(self.method))
            try:
                self.plan_for(trial.overrides, str(self.folder / f"run_{number:04d}"))
            except UserError as error:
                self._write(Trial(number, trial.overrides, refused=str(error)))
                continue
            self._write(trial)
            return trial
        raise UserError(
            f"{REFUSALS_IN_A_ROW} suggestions in a row cannot be run; the last one: {self.trials[-1].refused}",
            key="sweep",
            remedy="narrow the space in [sweep] to settings that fit together",
        )

    def _seed(self, number: int) -> None:
        """The search draws from the global streams, which training leaves where every run leaves them."""
        seed = (self.seed * 1_000_003 + number) % 2**32
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)

    def _write(self, trial: Trial) -> None:
        with (self.folder / JOURNAL).open("a") as file:
            file.write(json.dumps(asdict(trial)) + "\n")
        self.trials = [t for t in self.trials if t.run != trial.run] + [trial]
        self._learn(trial)

    def _learn(self, trial: Trial) -> None:
        for point in trial.points or []:
            self.method.observe(self.space.tree(trial.overrides, point), self.space.signed(point), point.cost_seconds)


class Space:
    """The [sweep] section: what varies, what is measured. `centre` holds the configured value of each varied key."""

    def __init__(self, section: dict[str, Any], centre: dict[str, Any]) -> None:
        self.method_name = section["method"]
        self.metric = section["metric"]
        self.maximize = section["goal"] == "maximize"
        self.downsample = int(section["downsample"])
        self.varied = {
            key: value for key, value in section.items() if key not in ("method", "metric", "goal", "downsample")
        }
        self.centre = centre
        self.keys = [f"{group}.{name}" for group, names in self.varied.items() for name in names]
        if not self.keys:
            raise UserError("varies nothing", key="[sweep]", remedy="add a section such as [sweep.train.learning_rate]")

    def new_method(self, max_suggestion_cost: float) -> Any:
        """Raises UserError for an unknown method or a space that pufferlib.sweep does not take."""
        if self.method_name not in METHODS:
            raise UserError(
                f"there is no such method.{did_you_mean(self.method_name, METHODS)}",
                key="sweep.method",
                value=self.method_name,
                remedy=f"use one of {', '.join(METHODS)}",
            )
        # Its cost models know maximizing only (pareto_points): lower-is-better scores go in with their sign changed.
        config = {"method": self.method_name, "metric": self.metric, "goal": "maximize", "downsample": self.downsample}
        keywords = {"max_suggestion_cost": max_suggestion_cost} if self.method_name == "Protein" else {}
        method = getattr(pufferl().pufferlib.sweep, self.method_name)
        try:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                return method(config | copy.deepcopy(self.varied), **keywords)
        except (AssertionError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise UserError(
                f"pufferlib.sweep does not take this space: {error!r}",
                key="[sweep]",
                remedy="give each [sweep.section.key] a distribution, min, max, mean and scale",
            ) from error

    def suggestion(self, method: Any) -> dict[str, Any]:
        """The overrides of the next run; whole numbers stay whole."""
        fill: dict[str, dict[str, Any]] = {group: dict.fromkeys(names) for group, names in self.varied.items()}
        suggested, _ = method.suggest(fill)
        overrides = {}
        for key in self.keys:
            group, name = key.split(".")
            value = suggested[group][name]
            whole = isinstance(self.centre[key], int) and not isinstance(self.centre[key], bool)
            overrides[key] = round(value) if whole else float(value)
        return overrides

    def tree(self, overrides: dict[str, Any], point: Point) -> dict[str, dict[str, Any]]:
        """A trial in the nested form that `observe` takes; a point in mid-run counts as a run of its length."""
        varied = dict(overrides)
        if "train.total_timesteps" in varied:
            varied["train.total_timesteps"] = point.agent_steps
        tree: dict[str, dict[str, Any]] = {}
        for key, value in varied.items():
            group, name = key.split(".")
            tree.setdefault(group, {})[name] = value
        return tree

    def signed(self, point: Point) -> float:
        return point.score if self.maximize else -point.score

    def measured(self, run_dir: str) -> set[str]:
        return {name for record in read_records(Path(run_dir) / METRICS_FILE) for name in record.values}

    def points(self, run_dir: str) -> list[Point]:
        """The run's curve at `downsample` moments and its end, each the mean of the records since the one before."""
        records = [r for r in read_records(Path(run_dir) / METRICS_FILE) if self.value(r) is not None]
        chunks = np.array_split(np.arange(len(records)), min(self.downsample, len(records)) or 1)
        return [
            Point(
                score=float(np.mean([self.value(records[i]) for i in chunk])),
                cost_seconds=records[chunk[-1]].wall_seconds,
                agent_steps=records[chunk[-1]].agent_steps,
            )
            for chunk in chunks
            if len(chunk)
        ]

    def value(self, record: MetricRecord) -> float | None:
        """The metric by its full name or, as in PufferLib, without `environment/`."""
        return record.values.get(self.metric, record.values.get(f"environment/{self.metric}"))


def read_journal(path: Path) -> list[Trial]:
    """Every trial once, as it was last written; [] for a missing file."""
    if not path.exists():
        return []
    drop_torn_tail(path)
    trials: dict[int, Trial] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            fields = json.loads(line)
            points = fields["points"]
            fields["points"] = None if points is None else [Point(**point) for point in points]
            trials[fields["run"]] = Trial(**fields)
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"no line of a sweep ({error})", file=str(path), line=number, remedy="start the sweep in a new folder"
            ) from error
    return [trials[run] for run in sorted(trials)]


def describe(overrides: dict[str, Any]) -> str:
    """As the command line takes it."""
    return " ".join(f"--{key.replace('_', '-')} {value:.6g}" for key, value in overrides.items())

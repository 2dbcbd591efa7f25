"""What a user sees while the runs go on: a live table on a terminal, plain lines anywhere else."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from compare import rundir
from compare.rundir import Run
from compare.statistics import probability_of_improvement
from metta_puffer.errors import UserError
from metta_puffer.tracking.jsonl import RecordTail

RATE_RECORDS = 8  # agent-steps per second are measured over this many records
CONFIDENCE = 0.95
BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN_SECONDS = 15.0  # between two plain lines about the same run
LINES_AROUND = 6  # of a terminal that are not rows of runs: head, caption, the line below
WIDE = 110  # columns of a terminal that has room for progress bars
STANDING_SECONDS = 60.0  # between two about how the arms stand


class RunView:
    """One run as the display knows it, read from its metrics file."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.state: str = rundir.status(run)
        self.agent_steps, self.wall_seconds, self.how = 0, 0.0, ""
        self.scores: list[float] = []
        self.scored_at: list[int] = []  # agent-steps of each score
        self._tail = RecordTail(run.metrics)
        self._moments: deque[tuple[int, float]] = deque(maxlen=RATE_RECORDS)  # agent_steps, wall_seconds
        self.poll()

    @property
    def budget(self) -> str:
        """What the run is given, in words."""
        limit = self.run.plan.total_wall_seconds
        return duration(limit) if limit is not None else f"{self._total:,} agent-steps"

    @property
    def _total(self) -> int:
        return self.run.plan.batch.total_timesteps

    @property
    def share(self) -> float:
        """Of its budget that is spent, 0 to 1."""
        limit = self.run.plan.total_wall_seconds
        in_time = self.wall_seconds / limit if limit is not None else 0.0
        return min(1.0, max(in_time, self.agent_steps / self._total))

    @property
    def position(self) -> str:
        """How far it has come, in words."""
        limit = self.run.plan.total_wall_seconds
        if limit is not None:
            return f"{duration(self.wall_seconds)} of {duration(limit)}, {self.agent_steps:,} agent-steps"
        return f"{self.agent_steps:,} of {self._total:,} agent-steps"

    @property
    def short_position(self) -> str:
        """The same for a narrow column."""
        limit = self.run.plan.total_wall_seconds
        if limit is not None:
            return f"{short(self.agent_steps)}, {duration(self.wall_seconds)} / {duration(limit)}"
        return f"{short(self.agent_steps)} / {short(self._total)}"

    def poll(self) -> None:
        try:
            records = self._tail.poll()
        except UserError:  # of this run alone; the results say what is wrong with it
            return
        for record in records:
            self.agent_steps, self.wall_seconds = record.agent_steps, record.wall_seconds
            self._moments.append((record.agent_steps, record.wall_seconds))
            if "score" in record.values:
                self.scores.append(record.values["score"])
                self.scored_at.append(record.agent_steps)

    @property
    def doing(self) -> str:
        """Its state, telling training from the evaluation of its policies that follows."""
        return "evaluating" if self.state == "running" and self.share >= 1.0 else self.state

    def started(self) -> None:
        self.state = "running"

    def failed(self, how: str) -> None:
        self.state, self.how = "failed", how

    @property
    def agent_steps_per_second(self) -> float | None:
        if len(self._moments) < 2:
            return None
        (first_count, first_time), (last_count, last_time) = self._moments[0], self._moments[-1]
        return (last_count - first_count) / (last_time - first_time) if last_time > first_time else None

    @property
    def eta_seconds(self) -> float | None:
        rate = self.agent_steps_per_second
        if self.state != "running" or not rate or rate < 0:
            return None
        left = max(0, self._total - self.agent_steps) / rate
        limit = self.run.plan.total_wall_seconds
        return left if limit is None else min(left, max(0.0, limit - self.wall_seconds))


class Display(Protocol):
    def __enter__(self) -> object: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def started(self, view: RunView) -> None: ...
    def update(self, views: Sequence[RunView]) -> None: ...
    def ended(self, view: RunView) -> None: ...
    def stopping(self, count: int) -> None: ...


def display_for(console: Console) -> Display:
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


def failure_text(view: RunView) -> str:
    return f"{view.run.run_id} failed ({view.how}); the rest goes on. The end of {view.run.log}:\n" + "\n".join(
        "  | " + line for line in rundir.log_tail(view.run).splitlines()
    )


def stopping_text(count: int) -> str:
    return (
        f"Stopping {count} run(s), each after its current round. What is finished stays; "
        "the same command with --resume goes on. Ctrl-C again ends them at once."
    )


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class PlainDisplay:
    """Lines for a log file: starts, ends, and now and then how far each run is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spoken: dict[str, float] = {}
        self._stood = time.monotonic()

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def started(self, view: RunView) -> None:
        self._spoken[view.run.run_id] = time.monotonic()
        goes_on = f", resuming after {view.agent_steps:,}" if view.agent_steps else ""
        self._say(f"{view.run.run_id}: started, {view.budget}{goes_on}")

    def update(self, views: Sequence[RunView]) -> None:
        now = time.monotonic()
        for view in views:
            if view.state == "running" and now - self._spoken[view.run.run_id] >= PLAIN_SECONDS:
                self._spoken[view.run.run_id] = now
                self._say(f"{view.run.run_id}: {'' if view.doing == 'running' else view.doing + ', '}{line(view)}")

        if now - self._stood >= STANDING_SECONDS and (stands := standing(views)):
            self._stood = now
            self._say(stands)

    def ended(self, view: RunView) -> None:
        self._say(failure_text(view) if view.state == "failed" else f"{view.run.run_id}: {view.state}, {line(view)}")

    def stopping(self, count: int) -> None:
        self._say(stopping_text(count))


def line(view: RunView) -> str:
    rate = view.agent_steps_per_second
    parts = [view.position]
    if rate is not None:
        parts.append(f"{rate:,.0f} agent-steps/s")
    if view.eta_seconds is not None:
        parts.append(f"ETA {duration(view.eta_seconds)}")
    if view.scores:
        parts.append(f"score {view.scores[-1]:.3f}")
    return ", ".join(parts)


class LiveDisplay:
    """A table that redraws itself: one row an arm and seed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=False)

    def __enter__(self) -> "LiveDisplay":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def started(self, view: RunView) -> None:
        return None

    def update(self, views: Sequence[RunView]) -> None:
        rows = max(1, self._console.height - LINES_AROUND)
        self._live.update(table(views, rows, narrow=self._console.width < WIDE))

    def ended(self, view: RunView) -> None:
        if view.state == "failed":
            self._console.print(failure_text(view), style="red", markup=False)

    def stopping(self, count: int) -> None:
        self._console.print(stopping_text(count), markup=False)


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """The course of the values in `width` characters, each the mean of its share, from the lowest to the highest."""
    finite = np.array([value for value in values if np.isfinite(value)])
    if not len(finite):
        return ""
    means = np.array([part.mean() for part in np.array_split(finite, min(width, len(finite)))])
    span = np.ptp(means) or 1.0
    return "".join(BLOCKS[int(level)] for level in (means - means.min()) / span * (len(BLOCKS) - 1))


def standing(views: Sequence[RunView]) -> str:
    """How the first two arms stand against each other now, where both have come; "" while one has no score."""
    arms = list(dict.fromkeys(view.run.arm for view in views))[:2]
    scored = [[view for view in views if view.run.arm == arm and view.scores] for arm in arms]
    if len(arms) < 2 or not all(scored):
        return ""
    reached = min(view.scored_at[-1] for group in scored for view in group)
    a, b = (np.array([np.interp(reached, view.scored_at, view.scores) for view in group]) for group in scored)
    chance = probability_of_improvement(a, b, CONFIDENCE)
    return (
        f"After {reached:,} agent-steps a run of {arms[1]} is above one of {arms[0]} with probability "
        f"{chance.value:.2f} (95 % interval {chance.low:.2f} to {chance.high:.2f})"
    )


def shown(views: Sequence[RunView], rows: int) -> list[RunView]:
    """At most `rows` of them, in their order: where not all fit, first those that run or failed, then the rest."""
    first = [view for view in views if view.state in ("running", "failed")]
    others = [view for view in views if view.state not in ("running", "failed")]
    chosen = {view.run.run_id for view in [*first, *others][:rows]}
    return [view for view in views if view.run.run_id in chosen]


def short(count: float) -> str:
    """Three digits of it: 25.6M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * size:
            return f"{count / size:.3g}{letter}"
    return f"{count:.3g}"


def table(views: Sequence[RunView], rows: int | None = None, *, narrow: bool = False) -> Table:
    """Of as many as `rows` of the views; all where that is None. `narrow` fits it into 80 columns."""
    result = Table(box=None, pad_edge=False)
    result.add_column("arm", no_wrap=True)
    for title in ("seed", "") if narrow else ("seed", "", "progress"):
        result.add_column(title, no_wrap=True)
    for title in ("agent-steps", "per s", "ETA", "score"):
        result.add_column(title, justify="right", no_wrap=True)
    result.add_column("", no_wrap=True)
    listed = list(views) if rows is None else shown(views, rows)
    captions = [standing(views)]
    if len(listed) < len(views):
        states = Counter(view.state for view in views)
        counted = ", ".join(f"{count} {state}" for state, count in states.items())
        captions.append(f"{len(listed)} of {len(views)} runs shown: {counted}")
    result.caption, result.caption_justify = "\n".join(filter(None, captions)), "left"
    styles = {"running": "cyan", "finished": "green", "failed": "red"}
    for view in listed:
        rate = view.agent_steps_per_second
        bar = () if narrow else (ProgressBar(total=1.0, completed=view.share, width=20),)
        result.add_row(
            view.run.arm,
            str(view.run.seed),
            view.doing,
            *bar,
            view.short_position,
            "–" if rate is None else short(rate),
            duration(view.eta_seconds),
            f"{view.scores[-1]:.3f}" if view.scores else "–",
            sparkline(view.scores, 8 if narrow else 16),
            style=styles.get(view.state, "dim"),
        )
    return result

"""What a user sees while the runs go on: a live table on a terminal, plain lines anywhere else."""

import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from compare import rundir
from compare.rundir import Run
from metta_puffer.tracking.jsonl import RecordTail

RATE_RECORDS = 8  # agent-steps per second are measured over this many records
PLAIN_SECONDS = 15.0  # between two plain lines about the same run


class RunView:
    """One run as the display knows it, read from its metrics file."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.state: str = rundir.status(run)
        self.agent_steps, self.how = 0, ""
        self.scores: list[float] = []
        self._tail = RecordTail(run.metrics)
        self._moments: deque[tuple[int, float]] = deque(maxlen=RATE_RECORDS)  # agent_steps, wall_seconds
        self.poll()

    @property
    def budget(self) -> int:
        return self.run.plan.batch.total_timesteps

    def poll(self) -> None:
        for record in self._tail.poll():
            self.agent_steps = record.agent_steps
            self._moments.append((record.agent_steps, record.wall_seconds))
            if "score" in record.values:
                self.scores.append(record.values["score"])

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
        return max(0, self.budget - self.agent_steps) / rate


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
        self._say(f"{view.run.run_id}: started, {view.budget:,} agent-steps{goes_on}")

    def update(self, views: Sequence[RunView]) -> None:
        now = time.monotonic()
        for view in views:
            if view.state == "running" and now - self._spoken[view.run.run_id] >= PLAIN_SECONDS:
                self._spoken[view.run.run_id] = now
                self._say(f"{view.run.run_id}: {line(view)}")

    def ended(self, view: RunView) -> None:
        self._say(failure_text(view) if view.state == "failed" else f"{view.run.run_id}: {view.state}, {line(view)}")

    def stopping(self, count: int) -> None:
        self._say(stopping_text(count))


def line(view: RunView) -> str:
    rate = view.agent_steps_per_second
    parts = [f"{view.agent_steps:,} of {view.budget:,} agent-steps"]
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
        self._live.update(table(views))

    def ended(self, view: RunView) -> None:
        if view.state == "failed":
            self._console.print(failure_text(view), style="red", markup=False)

    def stopping(self, count: int) -> None:
        self._console.print(stopping_text(count), markup=False)


def table(views: Sequence[RunView]) -> Table:
    result = Table(box=None, pad_edge=False)
    for title in ("arm", "seed", "", "progress"):
        result.add_column(title)
    for title in ("agent-steps", "per second", "ETA", "score"):
        result.add_column(title, justify="right")
    styles = {"running": "cyan", "finished": "green", "failed": "red"}
    for view in views:
        rate = view.agent_steps_per_second
        result.add_row(
            view.run.arm,
            str(view.run.seed),
            view.state,
            ProgressBar(total=view.budget, completed=min(view.agent_steps, view.budget), width=20),
            f"{view.agent_steps:,} / {view.budget:,}",
            "–" if rate is None else f"{rate:,.0f}",
            duration(view.eta_seconds),
            f"{view.scores[-1]:.3f}" if view.scores else "–",
            style=styles.get(view.state, "dim"),
        )
    return result

"""Progress on the terminal: a panel that redraws itself, or plain lines where there is no terminal."""

import sys
import time

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from metta_puffer.config.plan import RunPlan
from metta_puffer.tracking.schema import MetricRecord, MetricSink

PLAIN_INTERVAL_SECONDS = 5.0
SHOWN_STATISTICS = 14
_MACHINE = (
    ("process", "system/process_memory_bytes", 2**30, "GiB"),
    ("process CPU", "system/process_cpu_percent", 1, "%"),
    ("memory", "system/memory_percent", 1, "%"),
    ("CPU", "system/cpu_percent", 1, "%"),
    ("GPU", "system/gpu_memory_bytes", 2**30, "GiB"),
)


def make_dashboard(plan: RunPlan) -> MetricSink:
    """A sink that shows what it is given: `LiveDashboard` on a terminal, else `PlainDashboard`."""
    return LiveDashboard(plan) if sys.stdout.isatty() else PlainDashboard(plan)


class _Progress:
    """What both dashboards show: the newest values of everything seen so far, speed and time left."""

    def __init__(self, plan: RunPlan) -> None:
        self.budget = plan.batch.total_timesteps
        self.values: dict[str, float] = {}
        self.record = MetricRecord(0, 0, 0, 0, 0.0)

    def log(self, record: MetricRecord) -> None:
        self.record = record
        self.values.update(record.values)  # statistics of episodes appear only when one has ended

    @property
    def agent_steps_per_second(self) -> float:
        return self.values.get("throughput/agent_steps_per_second", 0.0)

    @property
    def eta(self) -> str:
        if not self.agent_steps_per_second:
            return "unknown"
        seconds = int(max(0, self.budget - self.record.agent_steps) / self.agent_steps_per_second)
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

    @property
    def score(self) -> str:
        return f"{self.values['score']:.3f}" if "score" in self.values else "no episode ended yet"


class PlainDashboard:
    """One line every few seconds, and the last record's in any case."""

    def __init__(self, plan: RunPlan) -> None:
        self._progress = _Progress(plan)
        self._printed_at = float("-inf")
        self._pending = False

    def log(self, record: MetricRecord) -> None:
        self._progress.log(record)
        self._pending = True
        if time.monotonic() - self._printed_at >= PLAIN_INTERVAL_SECONDS:
            self._print()

    def _print(self) -> None:
        progress, record = self._progress, self._progress.record
        print(
            f"epoch {record.epoch:,}  agent-steps {record.agent_steps:,}/{progress.budget:,}  "
            f"{progress.agent_steps_per_second:,.0f} agent-steps/s  ETA {progress.eta}  score {progress.score}",
            flush=True,
        )
        self._printed_at, self._pending = time.monotonic(), False

    def close(self) -> None:
        if self._pending:
            self._print()


class LiveDashboard:
    """Progress, time by stage, losses and episode statistics in one panel."""

    def __init__(self, plan: RunPlan, console: Console | None = None) -> None:
        self._plan, self._progress = plan, _Progress(plan)
        self._live = Live(self._panel(), console=console, refresh_per_second=4)
        self._live.start()

    def log(self, record: MetricRecord) -> None:
        self._progress.log(record)
        self._live.update(self._panel())

    def close(self) -> None:
        self._live.stop()

    def _panel(self) -> Panel:
        progress, record, env = self._progress, self._progress.record, self._plan.env
        worlds = Text(f"{env.game}, {env.envs} worlds x {env.agents_per_env} agents, {env.groups} groups", style="bold")
        head = Table.grid(padding=(0, 2), expand=True)
        head.add_row(
            f"epoch [bold]{record.epoch:,}[/]",
            f"[bold]{progress.agent_steps_per_second:,.0f}[/] agent-steps/s",
            f"ETA [bold]{progress.eta}[/]",
            f"score [bold]{progress.score}[/]",
        )
        steps = f"{record.agent_steps:,} of {progress.budget:,} agent-steps, {record.gradient_updates:,} updates"
        speeds = ", ".join(
            f"{stage} {progress.values[name]:,.0f}"
            for stage in ("rollout", "train")
            if (name := f"throughput/{stage}_agent_steps_per_second") in progress.values
        )
        machine = "  ".join(
            f"{label} {progress.values[name] / scale:,.1f} {unit}"
            for label, name, scale, unit in _MACHINE
            if name in progress.values
        )
        body = Table.grid(padding=(0, 3))
        body.add_row(
            self._stages(),
            self._column("losses", "losses/", 12),
            self._column("episodes", "environment/", SHOWN_STATISTICS),
        )
        bar = Table.grid(expand=True)  # a bare bar would not end its line
        bar.add_row(ProgressBar(total=progress.budget, completed=min(record.agent_steps, progress.budget)))
        return Panel(
            Group(
                worlds,
                head,
                bar,
                steps,
                f"agent-steps/s: {speeds}" if speeds else "",
                Text(machine, style="dim"),
                "",
                body,
            ),
            title="metta-native",
            border_style="cyan",
        )

    def _stages(self) -> Table:
        """Seconds of the last epoch by stage, and their shares."""
        seconds = {name: value for name, value in self._progress.values.items() if name.startswith("seconds/")}
        table = Table.grid(padding=(0, 1))
        table.add_row("[cyan]seconds[/]", "", "")
        for name, value in sorted(seconds.items(), key=lambda item: -item[1]):
            share = value / max(sum(seconds.values()), 1e-9)
            table.add_row(name.removeprefix("seconds/"), f"{value:.3g}", f"[dim]{share:.0%}[/]")
        return table

    def _column(self, title: str, prefix: str, limit: int) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(overflow="ellipsis")  # a name may be cut, its number not
        table.add_column(no_wrap=True)
        table.add_row(f"[cyan]{title}[/]", "")
        names = [name for name in self._progress.values if name.startswith(prefix)]
        names.sort(key=lambda name: ("heart" not in name and "episode" not in name, name))
        for name in names[:limit]:
            shown = name.removeprefix(prefix).removeprefix("agent/")
            table.add_row(shown, f"{self._progress.values[name]:.4g}")
        return table

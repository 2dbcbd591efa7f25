"""What the terminal shows."""

from io import StringIO

import pytest
from rich.console import Console

from metta_puffer.native.dashboard import LiveDashboard, PlainDashboard
from metta_puffer.tracking.schema import MetricRecord
from tests.native.toys import toy_plan

RECORD = MetricRecord(
    2,
    512,
    128,
    8,
    3.5,
    {
        "score": 1.25,
        "throughput/agent_steps_per_second": 256.0,
        "losses/entropy": 0.5,
        "environment/episode_length": 4.0,
        "seconds/train": 0.125,
    },
)
LATER = MetricRecord(3, 1024, 256, 12, 4.0, {"throughput/agent_steps_per_second": 256.0})


def test_plain_lines_show_progress_and_end_with_the_last_record(capsys: pytest.CaptureFixture[str]) -> None:
    dashboard = PlainDashboard(toy_plan("unused"))
    for record in (RECORD, LATER, LATER):
        dashboard.log(record)
    dashboard.close()
    first, last = capsys.readouterr().out.splitlines()
    assert first == "epoch 2  agent-steps 512/1,536  256 agent-steps/s  ETA 0:00:04  score 1.250"
    assert last == "epoch 3  agent-steps 1,024/1,536  256 agent-steps/s  ETA 0:00:02  score 1.250"


def panel(record: MetricRecord, width: int) -> str:
    console = Console(file=StringIO(), force_terminal=True, width=width)
    dashboard = LiveDashboard(toy_plan("unused"), console)
    dashboard.log(record)
    dashboard.close()
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_panel_shows_every_section() -> None:
    shown = panel(RECORD, 120)
    for text in ("recall", "16 worlds x 4 agents, 2 groups", "512 of 1,536", "entropy", "episode_length", "0.125"):
        assert text in shown


def test_on_a_narrow_terminal_names_are_cut_and_numbers_are_not() -> None:
    stages = {f"seconds/{name}": 0.1234 for name in ("environment", "forward", "copy", "train")}
    losses = {f"losses/{name}": -5.214e-08 for name in ("explained_variance", "gradient_norm", "old_approx_kl")}
    episodes = {f"environment/agent/action.{name}.success": 1234.0 for name in ("move", "noop", "change_vibe")}
    shown = panel(MetricRecord(2, 512, 128, 8, 3.5, {**stages, **losses, **episodes}), 80)
    assert [shown.count(text) for text in ("0.123", "25%", "-5.214e-08", "1234")] == [4, 4, 3, 3]
    assert "environment" in shown and "…" in shown

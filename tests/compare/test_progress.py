"""What the display says is what the runs wrote."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from compare.progress import (
    LiveDisplay,
    PlainDisplay,
    RunView,
    display_for,
    duration,
    line,
    short,
    shown,
    sparkline,
    standing,
    table,
)
from compare.rundir import claim
from metta_puffer.tracking.jsonl import JsonlSink
from metta_puffer.tracking.schema import MetricRecord
from tests.compare.plans import run


def view(folder, arm="puffer", scores=(), **keywords):
    one = run(folder, arm, **keywords)
    claim(one)
    with JsonlSink(one.metrics) as sink:
        for epoch, score in enumerate(scores, start=1):
            sink.log(MetricRecord(epoch, 128 * epoch, 32 * epoch, 2 * epoch, 0.5 * epoch, {"score": score}))
    result = RunView(one)
    result.started()
    return result


def test_speed_and_time_left_come_from_the_records(tmp_path):
    seen = view(tmp_path, scores=(1.0, 2.0, 3.0, 4.0))
    assert seen.agent_steps == 512 and seen.share == 0.4
    assert seen.agent_steps_per_second == pytest.approx(256)
    assert seen.eta_seconds == pytest.approx(3)
    assert line(seen) == "512 of 1,280 agent-steps, 256 agent-steps/s, ETA 0:03, score 4.000"


def test_a_run_without_records_is_shown_too(tmp_path):
    seen = view(tmp_path)
    assert seen.eta_seconds is None and line(seen) == "0 of 1,280 agent-steps"


def test_the_arms_are_compared_where_both_have_come(tmp_path):
    views = [view(tmp_path, "puffer", (1.0, 1.0, 9.0)), view(tmp_path, "native", (2.0, 2.0))]
    assert standing(views).startswith(
        "After 256 agent-steps a run of native is above one of puffer with probability 1.00"
    )
    assert standing(views[:1]) == "" and standing([views[0], view(tmp_path, "native", seed=1)]) == ""


def test_the_table_holds_every_run(tmp_path):
    said = io.StringIO()
    views = [view(tmp_path, "puffer", (1.0, 2.0)), view(tmp_path, "native", (3.0,))]
    Console(file=said, width=140).print(table(views))
    printed = said.getvalue()
    assert "256 / 1.28k" in printed and "▁█" in printed and "3.000" in printed and "probability" in printed


def test_a_narrow_terminal_shows_every_number_whole(tmp_path):
    said = io.StringIO()
    views = [view(tmp_path, arm, (1.0,) * 20, epochs=200_000) for arm in ("puffer", "native")]
    views[0].run = replace(views[0].run, arm="puffer-again")
    Console(file=said, width=80).print(table(views, narrow=True))
    printed = said.getvalue()
    assert (
        "2.56k / 25.6M" in printed
        and "puffer-again" in printed
        and "agent-steps" in printed
        and "27:46:30" in printed
        and "…" not in printed
    )
    assert all(len(line.rstrip()) <= 80 for line in printed.splitlines())


def test_where_not_all_rows_fit_the_running_and_failed_ones_are_shown(tmp_path):
    views = [view(tmp_path, seed=seed) for seed in range(10)]
    for one in views[:6]:
        one.state = "finished"
    views[2].failed("exit status 1")
    views[9].state = "waiting"
    assert [one.run.seed for one in shown(views, 5)] == [0, 2, 6, 7, 8]
    said = io.StringIO()
    Console(file=said, width=100).print(table(views, rows=5))
    assert "5 of 10 runs shown: 5 finished, 1 failed, 3 running, 1 waiting" in said.getvalue()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (999, "999"), (999.7, "1k"), (1280, "1.28k"), (999_999, "1M"), (25_600_000, "25.6M")]
)
def test_short_counts(count, text):
    assert short(count) == text


def test_a_terminal_gets_the_table_and_a_file_gets_lines():
    assert isinstance(display_for(Console(file=io.StringIO())), PlainDisplay)
    assert isinstance(display_for(Console(file=io.StringIO(), force_terminal=True)), LiveDisplay)


def test_sparklines():
    assert sparkline([]) == "" and sparkline([1.0]) == "▁"
    assert sparkline([0, 1]) == "▁█"
    assert len(sparkline(list(range(1000)))) == 16
    assert sparkline([0.0, float("nan"), 1.0]) == "▁█"


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (0, "0:00"), (61.4, "1:01"), (3723, "1:02:03")])
def test_durations(seconds, text):
    assert duration(seconds) == text

"""The report in a real browser. Left out of `make test`, because a fresh machine has no Chromium."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from compare import statistics
from compare.report import write_report
from compare.results import read_results
from compare.rundir import RESULT_FILE, claim, plan_hash, write_json
from metta_puffer.tracking.jsonl import JsonlSink
from metta_puffer.tracking.schema import MetricRecord
from tests.compare.browser import look_at
from tests.compare.plans import run

pytestmark = pytest.mark.long

MADE = {
    "command": "python compare/run_ab.py --out 'a <b>'",
    "commit": None,
    "versions": {"python": "3"},
    "hardware": {"processor": "x", "physical_cores": 2, "memory_bytes": 2**34, "gpus": [], "system": "y"},
}


def report(folder, seeds, points=60, further=()):
    rng = np.random.default_rng(0)
    runs = [run(folder, arm, seed, epochs=points) for seed in range(seeds) for arm in ("puffer", "native")]
    for arm in further:
        folders = [str(folder / f"{arm}-seed{seed}") for seed in range(seeds)]
        puffer = [one for one in runs if one.arm == "puffer"]
        runs += [
            replace(one, arm=arm, plan=one.plan.model_copy(update={"run_dir": run_dir}))
            for one, run_dir in zip(puffer, folders, strict=True)
        ]
    for one in runs:
        claim(one)
        level = rng.normal(3 if one.arm == "puffer" else 5)
        with JsonlSink(one.metrics) as sink:
            for epoch in range(1, points + 1):
                score = level * epoch / points + rng.normal(0, 0.1)
                sink.log(MetricRecord(epoch, 128 * epoch, 32 * epoch, 2 * epoch, 0.5 * epoch, {"score": score}))
        with JsonlSink(one.dir / "evaluations.jsonl") as sink:
            values = {"evaluation/sampled": level, "evaluation/deterministic": level + 1}
            sink.log(MetricRecord(points // 2, 64 * points, 16 * points, points, 0.25 * points, values))
            sink.log(MetricRecord(points, 128 * points, 32 * points, 2 * points, 0.5 * points, values))
        write_json(one.dir / RESULT_FILE, {"plan_hash": plan_hash(one.plan)})
    write_report(read_results(runs, 0.5, MADE), folder / "report.html")
    return folder / "report.html"


def choose(name, value):
    return f"document.querySelector('input[name={name}][value=\"{value}\"]').click();"


STATE = """
const marks = (kind) => document.querySelectorAll('#chart svg .' + kind).length;
const labels = [...document.querySelectorAll('#chart svg text')].map((t) => t.textContent);
return {means: marks('mean'), seeds: marks('seed'), bands: marks('band'), random: marks('random'), labels,
  mean: document.querySelector('#chart svg .mean').getAttribute('d'),
  band: document.querySelector('#chart svg .band').getAttribute('d'),
  width: innerWidth, overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth};
"""


def test_every_switch_changes_what_it_says(tmp_path):
    page = report(tmp_path, seeds=4)
    plain = look_at(page, STATE, tmp_path / "plain").answer
    assert (plain["means"], plain["seeds"], plain["bands"], plain["random"]) == (2, 8, 2, 1)
    assert "agent-steps collected" in plain["labels"]
    for axis, title in (("wall_seconds", "wall-clock seconds"), ("gradient_updates", "gradient updates")):
        seen = look_at(page, choose("axis", axis) + STATE, tmp_path / axis).answer
        assert title in seen["labels"] and "agent-steps collected" not in seen["labels"]
    seen = look_at(page, choose("band", "interval") + STATE, tmp_path / "band").answer
    assert seen["band"] != plain["band"]
    seen = look_at(page, choose("measure", "evaluation/sampled") + STATE, tmp_path / "measure").answer
    assert seen["mean"] != plain["mean"] and seen["seeds"] == 8
    seen = look_at(page, "document.getElementById('seeds').click();" + STATE, tmp_path / "seeds").answer
    assert seen["seeds"] == 0 and seen["means"] == 2


def test_hovering_shows_the_values_there(tmp_path):
    hover = """
    const box = document.querySelector('#chart svg').getBoundingClientRect();
    document.getElementById('chart').dispatchEvent(new PointerEvent('pointermove',
      {clientX: box.left + box.width / 2, clientY: box.top + 50, bubbles: true}));
    const tip = document.getElementById('tip');
    return {hidden: tip.hidden, text: tip.innerText, right: tip.getBoundingClientRect().right, width: innerWidth};
    """
    seen = look_at(report(tmp_path, seeds=4), hover, tmp_path / "hover").answer
    assert not seen["hidden"] and seen["right"] <= seen["width"]
    assert "puffer: " in seen["text"] and "native: " in seen["text"] and "random policy: 0.500" in seen["text"]


def test_what_is_shown_can_be_saved(tmp_path):
    save = """
    const saved = [];
    const made = URL.createObjectURL;
    URL.createObjectURL = (blob) => { saved.push(blob); return made(blob); };
    const names = [];
    HTMLAnchorElement.prototype.click = function () { names.push(this.download); };
    for (const kind of ["csv", "svg", "png"]) document.querySelector(`button[data-save=${kind}]`).click();
    while (saved.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    const start = new Uint8Array(await saved[2].arrayBuffer()).slice(1, 4);
    return {names, csv: await saved[0].text(), svg: await saved[1].text(), png: String.fromCharCode(...start),
      bytes: saved[2].size};
    """
    seen = look_at(report(tmp_path, seeds=2), save, tmp_path / "save")
    assert seen.console == []
    answer = seen.answer
    assert answer["names"] == [f"puffer-native-smoothed-agent_steps.{kind}" for kind in ("csv", "svg", "png")]
    head, *rows = answer["csv"].splitlines()
    assert head.split(",")[:3] == ["arm", "seed", "status"] and len(rows) == 4 * 60
    assert "random policy" in answer["svg"] and ElementTree.fromstring(answer["svg"]).tag.endswith("svg")
    assert answer["png"] == "PNG" and answer["bytes"] > 5_000


@pytest.mark.parametrize("width", [360, 1200])
def test_no_complaint_no_request_and_nothing_wider_than_the_screen(tmp_path, width):
    seen = look_at(report(tmp_path, seeds=2), STATE, tmp_path / "look", width=width)
    assert seen.answer["width"] == width
    assert seen.console == []
    assert seen.fetched == []
    assert seen.answer["overflow"] <= 0


LABELS = """
const boxes = [...document.querySelectorAll('.span .label, .span .side')].map((e) => e.getBoundingClientRect());
const frame = document.querySelector('.span').getBoundingClientRect();
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
return {count: boxes.length,
  meeting: boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => meet(a, b))).length,
  outside: boxes.filter((a) => a.left < frame.left - 8 || a.right > frame.right + 8).length};
"""


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize(("low", "high"), [(-0.0385, 2.26), (0.001, 2.5), (-2.5, -0.01), (4.91, 4.93), (-123, 0.004)])
def test_the_labels_of_the_interval_never_meet(tmp_path, monkeypatch, width, low, high):
    def welch(a, b, confidence):
        return 0.5, statistics.Estimate((low + high) / 2, low, high)

    monkeypatch.setattr(statistics, "welch", welch)
    seen = look_at(report(tmp_path, seeds=3, points=10), LABELS, tmp_path / "look", width=width).answer
    assert seen == {"count": 5, "meeting": 0, "outside": 0}


def test_five_arms_are_all_drawn_in_looks_of_their_own(tmp_path):
    looks = """
    return [...document.querySelectorAll('#chart svg .mean')].map((path) => {
      const style = getComputedStyle(path); return style.stroke + ' ' + style.strokeDasharray; });
    """
    seen = look_at(report(tmp_path, seeds=3, further=("puffer-again", "c", "d")), looks, tmp_path / "look").answer
    assert len(set(seen)) == 5 and not any("none" in one.split(" ")[0] for one in seen)


def test_a_hundred_runs_are_all_drawn_and_the_page_stays_small(tmp_path):
    page = report(tmp_path, seeds=50, points=1_000)
    seen = look_at(page, STATE, tmp_path / "look")
    assert seen.answer["seeds"] == 100 and seen.console == []
    assert page.stat().st_size < 4 * 2**20

"""The parts of the page, each a function of the results. Everything shown is escaped here."""

import math
from html import escape
from itertools import cycle
from typing import Any

import numpy as np

from compare.arm_style import LINE_WIDTH, arm_style
from compare.curves import SMOOTHING
from compare.evaluation import PREFIX
from compare.figure import TITLES
from compare.plan import arithmetic, differences
from compare.progress import duration
from compare.report.data import MEASURES, shown_measures
from compare.report.ladder import ladder_section
from compare.report.parts import estimate, number, section, table
from compare.results import Results, RunResults

SECONDS = "seconds/"
MAX_OPEN_RUNS = 30  # more are folded away
STAGE_COLOURS = ("#0072B2", "#D55E00", "#00795A", "#9B4F80", "#4A5568", "#8A6D00", "#2B6CB0", "#9C4221")
GROUPS = {
    "env": "Worlds",
    "batch": "Batch",
    "optimizer": "Optimizer",
    "loss": "Loss",
    "rules": "Rules beyond numbers",
    "policy": "Policy",
    "extra": "Trainer-specific settings (change no size and no rule)",
}


def sections(results: Results) -> list[str]:
    parts = [_verdict, _curves, ladder_section, _runs, _throughput, _sizes, _findings, _differences, _reproduce]
    return [text for text in (part(results) for part in parts) if text]


def _arm_key(results: Results, index: int) -> str:
    style = arm_style(index)
    return _key(style.colour, LINE_WIDTH, style.dash_array) + escape(results.arms[index])


def _random_key() -> str:
    return f"{_key('#555', 2, '2 4')}random policy"


def _key(colour: str, width: int, dash_array: str) -> str:
    return (
        f'<svg class="key" width="28" height="4" aria-hidden="true"><line x2="28" y1="2" y2="2" stroke="{colour}" '
        f'stroke-width="{width}" stroke-dasharray="{dash_array}"/></svg>'
    )


def _verdict(results: Results) -> str:
    verdict = results.verdict
    percent = f"{100 * verdict.confidence:g} %"
    poi = verdict.probability_of_improvement
    a, b = results.arms[:2]
    rows = []
    for index, arm in enumerate(results.arms):
        speeds = [run.agent_steps_per_second for run in results.of(arm) if run.agent_steps_per_second]
        judged, side = (verdict, index) if index < 2 else (results.other_verdicts[results.arms[0], arm], 1)
        rows.append(
            (
                [
                    _arm_key(results, index),
                    f"{judged.usable[side]} of {judged.planned[side]}",
                    number(judged.mean[side]),
                    number(judged.standard_deviation[side]),
                    number(judged.interquartile_mean[side]),
                    number(float(np.mean(speeds)) if speeds else None, 0),
                ],
                False,
            )
        )
    if results.random_score is not None:
        rows.append(([_random_key(), "", number(results.random_score), "", "", ""], False))
    head = ["arm", "seeds", "final score", "sd over seeds", "interquartile mean", "agent-steps/s"]
    facts = [
        ["area under the curve", estimate(verdict.area_difference, signed=True)],
        [f"chance that a run of {escape(b)} ends above one of {escape(a)}", estimate(poi, signed=False)],
        [
            "smallest true difference this many seeds show 4 times in 5",
            "none" if math.isinf(verdict.detectable_difference) else number(verdict.detectable_difference),
        ],
        ["seeds an arm needed to show the difference seen, if it is real", number(verdict.seeds_needed)],
    ]
    measures = table(["", f"value ({percent} interval)"], [(fact, False) for fact in facts], 1)
    items = "".join(
        f"<li><b>{escape(MEASURES[PREFIX + mode])}</b>: {escape(judgement.sentence(a, b))}</li>"
        for mode, judgement in results.evaluation_verdicts.items()
    )
    held_out = f"<h3>The last policies on held-out maps</h3><ul>{items}</ul>" if items else ""
    others = "".join(
        f"<li>{escape(other.sentence(*pair))}</li>"
        for pair, other in results.other_verdicts.items()
        if pair not in results.controls
    )
    others = f"<h3>Other pairs, one by one</h3><ul>{others}</ul>" if others else ""
    controls = "".join(f"<li>{escape(results.control_sentence(*pair))}</li>" for pair in results.controls)
    controls = f"<h3>Control: an arm against itself</h3><ul>{controls}</ul>" if controls else ""
    return section(
        "verdict",
        "How sure is that?",
        f"Final score: mean over the last tenth of the run's {TITLES[results.axis]}. Difference: {b} minus {a}, with "
        f"the {percent} interval of Welch's t test. An interval that crosses zero means that the runs do not tell the "
        "arms apart, not that the arms are equal.",
        _difference_bar(results)
        + table(head, rows, 1)
        + "<h3>More measures</h3>"
        + measures
        + held_out
        + controls
        + others,
    )


def _difference_bar(results: Results) -> str:
    """The interval of the difference against zero, drawn with boxes so that it scales with the page."""
    seen = results.verdict.difference
    if math.isnan(seen.low):
        return ""
    reach = 1.5 * max(abs(seen.low), abs(seen.high), 1e-9)  # leaves room for the labels beside the bar

    def place(value: float) -> float:
        return 50 + 50 * value / reach

    low, high, value = place(seen.low), place(seen.high), place(seen.value)
    # Each on its own side of the bar, and the zero above it: they meet at no width of the page.
    ends = "".join(
        f'<span class="label {side}" style="left:{place(at):.1f}%">{at:+.3g}</span>'
        for side, at in (("low", seen.low), ("high", seen.high))
    )
    text = f"Difference {seen.value:+.3g}, interval {seen.low:+.3g} to {seen.high:+.3g}"
    return (
        f'<div class="span" role="img" aria-label="{escape(text)}">'
        f'<span class="side" style="left:0"><b class="a">◀</b> {escape(results.arms[0])} higher</span>'
        f'<span class="side" style="right:0">{escape(results.arms[1])} higher <b class="b">▶</b></span>'
        f'<span class="zero" style="left:50%"></span><span class="label origin" style="left:50%">0</span>'
        f'<span class="bar" style="left:{low:.1f}%;width:{high - low:.1f}%"></span>'
        f'<span class="dot" style="left:{value:.1f}%"></span>{ends}</div>'
    )


def _curves(results: Results) -> str:
    def choices(name: str, legend: str, options: list[tuple[str, str]]) -> str:
        labels = "".join(
            f'<label><input type="radio" name="{name}" value="{value}"{" checked" if not index else ""}>{text}</label>'
            for index, (value, text) in enumerate(options)
        )
        return f"<fieldset><legend>{legend}</legend>{labels}</fieldset>"

    axes = [("agent_steps", "agent-steps"), ("wall_seconds", "wall-clock"), ("gradient_updates", "gradient updates")]
    bands = [("spread", "±1 sd over seeds"), ("interval", "95 % interval of the mean")]
    measures = choices("measure", "measure", [(name, MEASURES[name]) for name in shown_measures(results)])
    keys = "".join(f"<span>{_arm_key(results, index)}</span>" for index in range(len(results.arms)))
    if results.random_score is not None:
        keys += f"<span>{_random_key()}</span>"
    crowded = f'<p class="warning">{escape(results.shared_cores)}</p>' if results.shared_cores else ""
    body = (
        f'<div class="controls">{measures}</div>'
        f'<div class="controls">{choices("axis", "horizontal axis", axes)}{choices("band", "band", bands)}'
        '<label><input type="checkbox" id="seeds" checked> single seeds</label></div>'
        f'<div class="controls">{keys}</div><div class="chart" id="chart"><div class="tip" id="tip" hidden></div></div>'
        '<div class="controls saving"><span>Save what is shown:</span>'
        + "".join(f'<button type="button" data-save="{kind}">{kind.upper()}</button>' for kind in ("csv", "png", "svg"))
        + "<span>curves.csv beside this page has every point.</span></div>"
        + crowded
    )
    return section(
        "curves",
        "Learning curves",
        "Training return: mean return per agent of the episodes that ended, over the "
        f"{SMOOTHING:.0%} of agent-steps before each point; unsmoothed: since the point before. Held-out maps: the "
        "frozen policy on maps that no training draws, the same for every run. Bold: mean over finished seeds where "
        "all of them have a value. Thin: single seeds. Hover or touch for values.",
        body,
    )


def _runs(results: Results) -> str:
    rows, logs = [], ""
    for result in results.runs:
        index = results.arms.index(result.run.arm)
        last = result.records[-1] if result.records else None
        rows.append(
            (
                [
                    _arm_key(results, index),
                    str(result.run.seed),
                    escape(result.status),
                    number(results.final_scores[result.run.run_id]),
                    number(result.agent_steps),
                    number(last.gradient_updates if last else 0),
                    duration(result.wall_seconds),
                    number(result.agent_steps_per_second, 0),
                ],
                result.status != "finished",
            )
        )
        if result.status == "failed":
            tail = f"{result.outcome.get('how', '')}\n{result.outcome.get('log_tail', '')}"
            name = escape(result.run.run_id)
            logs += f"<details open><summary>{name} failed</summary><pre>{escape(tail)}</pre></details>"
    counts = {
        status: sum(r.status == status for r in results.runs) for status in ("finished", "failed", "partial", "waiting")
    }
    about = f"{len(results.runs)} planned: " + ", ".join(f"{count} {status}" for status, count in counts.items()) + "."
    if counts["finished"] < len(results.runs):
        about += " Nothing is concluded while runs are missing: those that fail are rarely a random choice."
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in results.problems)
    problems = f"<ul>{problems}</ul>" if problems else ""
    head = ["arm", "seed", "state", "final score", "agent-steps", "gradient updates", "wall-clock", "agent-steps/s"]
    listed = table(head, rows, 3)
    if len(rows) > MAX_OPEN_RUNS:
        listed = f"<details><summary>All {len(rows)} runs</summary>{listed}</details>"
    return section("runs", "Runs", about, listed + problems + logs)


def stage_seconds(runs: list[RunResults]) -> dict[str, float]:
    """Seconds by stage, summed over records and averaged over runs; a stage that is given in parts only by them."""
    totals: dict[str, float] = {}
    for result in runs:
        for record in result.records:
            for name, value in record.values.items():
                if name.startswith(SECONDS) and math.isfinite(value):
                    totals[name.removeprefix(SECONDS)] = totals.get(name.removeprefix(SECONDS), 0.0) + value
    parted = {name for name in totals if any(other.startswith(f"{name}_") for other in totals)}
    return {name: seconds / len(runs) for name, seconds in totals.items() if name not in parted}


def _throughput(results: Results) -> str:
    by_arm = [stage_seconds(results.of(arm)) for arm in results.arms]
    if not any(by_arm):
        return ""
    stages = list(dict.fromkeys(name for stages in by_arm for name in stages))
    longest = max(sum(stages.values()) for stages in by_arm) or 1.0
    bars = ""
    for index, seconds in enumerate(by_arm):
        parts = "".join(
            f'<span style="width:{100 * seconds[name] / longest:.2f}%;background:{colour}" '
            f'title="{escape(name)}: {seconds[name]:.1f} s">{escape(name)}</span>'
            for name, colour in zip(stages, cycle(STAGE_COLOURS), strict=False)
            if seconds.get(name)
        )
        bars += f'<div class="stage"><span>{_arm_key(results, index)}</span><div class="stack">{parts}</div></div>'
    rows = [([escape(name), *(number(seconds.get(name, 0.0), 1) for seconds in by_arm)], False) for name in stages]
    rows.append((["all stages", *(number(sum(seconds.values()), 1) for seconds in by_arm)], False))
    head = ["seconds a run", *(escape(arm) for arm in results.arms)]
    return section(
        "throughput",
        "Where the time goes",
        "Seconds by stage as each trainer measured them, mean over its runs. The trainers name and cut their stages "
        "differently: compare the whole rather than the parts.",
        bars + table(head, rows, 1),
    )


def _sizes(results: Results) -> str:
    sizes = [arithmetic(results.of(arm)[0].run.plan) for arm in results.arms]
    rows = [
        (
            [f"<code>{escape(name)}</code>", *(number(size[name]) for size in sizes)],
            sizes[0][name] != sizes[1][name],
        )
        for name in sizes[0]
    ]
    notes = "".join(
        f"<p><b>{escape(arm)}</b>: {escape(note)}</p>"
        for arm in results.arms
        for note in results.of(arm)[0].run.plan.notes
    )
    return section(
        "sizes",
        "The resolved arithmetic",
        "Sizes as both trainers really used them, from their plans. Marked rows differ. batch_size, minibatch_size, "
        "bptt_horizon and total_timesteps count agent-steps: one agent acting once.",
        table(["quantity", *(escape(arm) for arm in results.arms)], rows, 1) + notes,
    )


def _findings(results: Results) -> str:
    if not results.findings:
        return ""
    items = "".join(
        f'<li class="{escape(found["severity"])}"><b>{escape(found["severity"])}, {escape(found["side"])}</b> '
        f"<code>{escape(found['id'])}</code><br>{escape(found['message'])}"
        f"<br><small>{escape(found['evidence'])} <b>Remedy:</b> {escape(found['fix'])}</small></li>"
        for found in results.findings
    )
    return section(
        "findings",
        "What the audit finds",
        "The findings of metta-audit for these two configurations; docs/findings.md explains each.",
        f'<ul class="findings">{items}</ul>',
    )


def _differences(results: Results) -> str:
    found = differences(*(results.of(arm)[0].run.plan for arm in results.arms))
    head = ["setting", *(escape(arm) for arm in results.arms)]
    body = ""
    for group in dict.fromkeys(difference.group for difference in found):
        rows = [
            ([f'<code class="path">{escape(d.path)}</code>', *map(_value, d.values)], False)
            for d in found
            if d.group == group
        ]
        listed = table(head, rows, 9)
        name = escape(GROUPS.get(group, group))
        body += (
            f"<details><summary>{name}</summary>{listed}</details>" if group == "extra" else f"<h3>{name}</h3>{listed}"
        )
    return section(
        "differences",
        "What differs between the arms",
        "Read from the two plans and from what the runs recorded. A difference in score is due to all of these "
        "together, unless the arms differ in one only.",
        f"<h3>Initial weights</h3><p>{escape(results.same_start.sentence)}</p>"
        + (body or "<h3>Settings</h3><p>Nothing: the plans are equal.</p>"),
    )


def _value(value: Any) -> str:
    return "–" if value is None else f"<code>{escape(str(value))}</code>"


def _reproduce(results: Results) -> str:
    made = results.provenance
    machine = made["hardware"]
    seeds = sorted({result.run.seed for result in results.runs})
    gpus = ", ".join(machine["gpus"]) or "no GPU"
    rows = [
        ("code", made["commit"] or "unknown (no git checkout)"),
        ("versions", ", ".join(f"{name} {version}" for name, version in made["versions"].items())),
        (
            "hardware",
            f"{machine['processor']}, {machine['physical_cores']} physical cores, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB memory, {gpus}; {machine['system']}",
        ),
        ("seeds", ", ".join(map(str, seeds))),
    ]
    return section(
        "reproduce",
        "How to reproduce",
        "The same command on the same versions trains the same runs; wall-clock depends on the machine.",
        f"<pre>{escape(made['command'])}</pre>"
        + table(["", ""], [([escape(name), escape(value)], False) for name, value in rows], 9),
    )

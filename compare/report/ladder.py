"""The waterfall from one arm's score to the other's."""

import math
from html import escape

import numpy as np

from compare.ladder import TRAINER_STEP, Attribution
from compare.report.parts import estimate, number, section, table
from compare.results import LadderResults, Results
from compare.shapley import Share

TRAINERS_CODE = "trainers' code"


def ladder_section(results: Results) -> str:
    if results.ladder is None:
        return ""
    a, b = results.arms[:2]
    about = (
        f"From the mean final score of {a} to that of {b}. First the trainers' code: our trainer with exactly the "
        f"sizes, numbers and rules of {a}. Then each group of settings that differs, switched to those of {b}: its "
        "mean effect over all orders of switching (Shapley value). The line is the 95 % interval; where a bar is "
        f"pale, it holds zero. {len(results.ladder.runs)} more runs."
    )
    found, switched = results.attribution, _switched(results.ladder, a, b)
    if found is None:
        missing = "<p>Some of these runs are missing; see the list of problems under Runs.</p>"
        return section("ladder", "Which difference matters", about, missing + switched)
    body = f'<p class="found">{escape(found_sentence(found, a, b))}</p>{_waterfall(found, a, b)}'
    return section("ladder", "Which difference matters", about, body + switched + _mixtures(results.ladder, found, b))


def _name(step: Share) -> str:
    return TRAINERS_CODE if step.group == TRAINER_STEP else step.group


def sure(step: Share) -> bool:
    """Whether the step's interval leaves zero out."""
    return step.low > 0 or step.high < 0


def found_sentence(found: Attribution, a: str, b: str) -> str:
    """What the steps show, in words."""
    start = f"{b} minus {a} is {found.end - found.start:+.3g} here."
    steps = found.steps
    if any(math.isnan(step.low) for step in steps):
        return f"{start} One seed a mixture gives no intervals: nothing can be said about any step."
    shown = [step for step in steps if sure(step)]
    idle = [step for step in steps if step.low == step.high == 0]
    nothing = "".join(
        f" {_name(step)} changes nothing: every run scores the same with it and without." for step in idle
    )
    by_chance = (
        f"Each interval stands for itself: of {len(steps)} steps without any effect, one or more would seem to matter "
        f"up to {min(1.0, 0.05 * len(steps)):.0%} of the time."
    )
    if not shown:
        return (
            f"{start} No step is shown to matter: every interval holds zero. More seeds, or a longer budget, would "
            f"narrow them.{nothing}"
        )
    listed = ", ".join(f"{_name(step)} ({step.value:+.3g})" for step in shown)
    rest = "; the other steps' intervals hold zero" if len(shown) < len(steps) else ""
    return f"{start} Shown to matter: {listed}{rest}. {by_chance}{nothing}"


def _waterfall(found: Attribution, a: str, b: str) -> str:
    steps, level = [], found.start
    for step in found.steps:
        steps.append((step, level, level + step.value))
        level += step.value
    marks = [found.start, found.end]
    for step, before, after in steps:
        marks += [before, after, before + (step.low if math.isfinite(step.low) else step.value)]
        marks.append(before + (step.high if math.isfinite(step.high) else step.value))
    low, high = min(marks), max(marks)
    span = (high - low) or 1.0

    def place(score: float) -> str:
        return f"{100 * (score - low) / span:.2f}%"

    def width(length: float) -> str:
        return f"{max(100 * abs(length) / span, 0.3):.2f}%"

    def level_mark(score: float) -> str:
        return f'<i class="level" style="left:{place(score)}"></i>'

    start = f'<i class="end a" style="left:{place(found.start)}"></i>{level_mark(found.start)}'
    rows = _rung(escape(a), start, f"{found.start:.3f}")
    for step, before, after in steps:
        kind = ("up" if step.value >= 0 else "down") + ("" if sure(step) else " unsure")
        bar = f'<i class="{kind}" style="left:{place(min(before, after))};width:{width(step.value)}"></i>'
        if math.isfinite(step.low):
            bar += f'<i class="reach" style="left:{place(before + step.low)};width:{width(step.high - step.low)}"></i>'
        rows += _rung(escape(_name(step)), bar + level_mark(after), estimate(step, signed=True))
    return rows + _rung(escape(b), f'<i class="end b" style="left:{place(found.end)}"></i>', f"{found.end:.3f}")


def _rung(name: str, marks: str, text: str) -> str:
    return (
        f'<div class="rung"><span>{name}</span><div class="track">{marks}</div><span class="value">{text}</span></div>'
    )


def _switched(ladder: LadderResults, a: str, b: str) -> str:
    rows = [
        ([escape(group if not index else ""), f'<code class="path">{escape(one.path)}</code>', *values], False)
        for group, settings in ladder.switched.items()
        for index, one in enumerate(settings)
        for values in [[f"<code>{escape(str(value))}</code>" for value in (one.puffer, one.native)]]
    ]
    if not rows:
        return ""
    listed = table(["group", "setting", escape(a), escape(b)], rows, 9)
    return f"<details><summary>What each group switches</summary>{listed}</details>"


def _mixtures(ladder: LadderResults, found: Attribution, b: str) -> str:
    rows = []
    for mixture, scores in found.scores.items():
        groups = [group for group in ladder.groups if group in mixture]
        text = f"all: {escape(b)}" if ladder.groups and len(groups) == len(ladder.groups) else escape(", ".join(groups))
        spread = float(np.std(scores, ddof=1)) if len(scores) > 1 else None
        rows.append(([text or "none", number(float(np.mean(scores))), number(spread), str(len(scores))], False))
    listed = table([f"groups switched to {escape(b)}", "final score", "sd over seeds", "seeds"], rows, 1)
    return f"<details><summary>The mean score of every mixture</summary>{listed}</details>"

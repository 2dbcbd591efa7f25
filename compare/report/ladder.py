"""The waterfall from one arm's score to the other's."""

import math
from html import escape

from compare.report.parts import estimate, section
from compare.results import Results


def ladder_section(results: Results) -> str:
    if results.ladder is None:
        return ""
    about = (
        "From the puffer arm's mean final score to the native arm's. First the trainers' code: our trainer with "
        "exactly the puffer arm's sizes, numbers and rules. Then each group of settings that differs, switched to the "
        "native arm's: its mean effect over all orders of switching (Shapley value), with the 95 % interval. "
        f"{len(results.ladder.runs)} more runs."
    )
    found = results.attribution
    if found is None:
        return section("ladder", "Which difference matters", about, "<p>Some of these runs are missing.</p>")
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

    rows = _rung(
        escape(results.arms[0]), f'<i class="end a" style="left:{place(found.start)}"></i>', f"{found.start:.3f}"
    )
    for step, before, after in steps:
        bar = f'<i class="{"up" if step.value >= 0 else "down"}" style="left:{place(min(before, after))};'
        bar += f'width:{width(step.value)}"></i>'
        if math.isfinite(step.low):
            bar += f'<i class="reach" style="left:{place(before + step.low)};width:{width(step.high - step.low)}"></i>'
        rows += _rung(escape(step.group), bar, estimate(step, signed=True))
    rows += _rung(escape(results.arms[1]), f'<i class="end b" style="left:{place(found.end)}"></i>', f"{found.end:.3f}")
    return section("ladder", "Which difference matters", about, rows)


def _rung(name: str, marks: str, text: str) -> str:
    return (
        f'<div class="rung"><span>{name}</span><div class="track">{marks}</div><span class="value">{text}</span></div>'
    )

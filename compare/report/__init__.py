"""The comparison as one HTML page that needs nothing else: no network, no other file."""

import html
import json
from pathlib import Path
from string import Template

from compare.report.data import chart_data
from compare.report.sections import sections
from compare.results import Results
from compare.rundir import draft_of

HERE = Path(__file__).parent


def write_report(results: Results, path: Path) -> None:
    winner = results.winner
    place = {results.arms[0]: "a", results.arms[1]: "b"}.get(winner, winner)
    badge = {"undecided": "Undecided", "incomplete": "Incomplete"}.get(winner, f"{winner} is better")
    # "<" inside the data must not end the script element.
    data = json.dumps(chart_data(results), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    page = Template((HERE / "page.html").read_text()).substitute(
        title=html.escape(title(results)),
        style=(HERE / "style.css").read_text(),
        script=(HERE / "script.js").read_text(),
        verdict_class=place,
        badge=html.escape(badge),
        sentence=html.escape(
            results.sentence.partition(": ")[2] if winner in ("undecided", "incomplete") else results.sentence
        ),
        sections="\n".join(sections(results)),
        data=data,
    )
    with draft_of(path) as draft:
        draft.write_text(page)


def title(results: Results) -> str:
    game = results.runs[0].run.plan.env.game
    return f"{', '.join(results.arms[:-1])} and {results.arms[-1]} on {game}"

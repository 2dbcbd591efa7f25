"""The audit as one offline page: quantities, the row map of each buffer, the groups' timeline, findings, pipeline."""

from collections.abc import Iterable
from html import escape

from metta_puffer.config import arithmetic as a
from metta_puffer.config.audit import Audit, quantity_names
from metta_puffer.config.explain import substituted
from metta_puffer.config.pipeline import stages
from metta_puffer.config.report_text import show
from metta_puffer.config.sides import Side

COLOURS = {"clean": "#2a9d8f", "overwritten": "#e9c46a", "spliced": "#d1495b"}
MEANING = {
    "clean": "filled once, by one agent from first to last column",
    "overwritten": "filled twice by whole rows; what stood there first was collected for nothing",
    "spliced": "last column from another agent at another moment",
}
LANE_COLOURS = ("#4f6d9a", "#93a8c9")
MAP_COLUMNS = 128  # cells of the map a line
WIDTH = 1000
MOST_LANES = 16
MOST_BLOCKS = 400  # a timeline with more blocks is a smear; only its end is drawn

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1040px;padding:0 1rem;color:#1c2733;background:#fff}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #d5dce4}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #edf0f3;vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap}
tr.differs td{background:#fff8e6}tr.lead td{background:#ffe9b8;font-weight:600}
.unit,.dim{color:#6b7885}.error{color:#b3261e;font-weight:600}.warning{color:#946200;font-weight:600}.note{color:#4a5a6a}
.finding{margin:.8rem 0;padding-left:.8rem;border-left:3px solid #d5dce4}.finding.error-box{border-color:#b3261e}
.finding.warning-box{border-color:#e0a100}.key{display:inline-block;width:.8rem;height:.8rem;margin-right:.3rem}
.legend span.item{margin-right:1.2rem}svg{max-width:100%;height:auto;display:block}code{font-size:.92em}
.stages{display:grid;grid-template-columns:9rem 1fr 1fr;gap:.2rem 1rem}
.stages>div{border-top:1px solid #edf0f3;padding:.3rem 0}
.small-unit{display:none}
@media (max-width:700px){.stages{grid-template-columns:1fr}
td,th{padding:.2rem .25rem;font-size:.82rem}td.unit,th.unit{display:none}.small-unit{display:block}}
"""


def page(result: Audit) -> str:
    """A complete HTML document without a reference to anything outside it."""
    left, right = (side.value("agents_per_env") for side in result.sides)
    lead = f"<p><strong>Agents a world: {left} (puffer) against {right} (native).</strong></p>" if left != right else ""
    body = [
        "<h1>metta-audit</h1>",
        "".join(
            f"<div>{side.name}: <code>{escape(side.loaded.file)}</code> "
            f"<span class=dim>({escape(side.trainer)}, engine {escape(result.engines[side.name])})</span></div>"
            for side in result.sides
        ),
        lead,
        "<h2>Quantities</h2>",
        _quantities(result),
        "<h2>The buffer after one rollout</h2>",
        _legend(),
        *(_buffer(side) for side in result.sides),
        "<h2>Groups in turn</h2>",
        "<p>Each lane is one group of worlds; each block is one row for every agent of the group, one env-step a "
        "column. A pale end is a row in progress when the rollout stops.</p>",
        *(_timeline(side) for side in result.sides),
        "<h2>Findings</h2>",
        _findings(result),
        "<h2>One training iteration</h2>",
        _pipeline(result),
    ]
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>metta-audit</title><style>{STYLE}</style></head><body>{''.join(body)}</body></html>"
    )


def _quantities(result: Audit) -> str:
    names = sorted(quantity_names(*result.sides), key=lambda name: name != "agents_per_env")
    rows = []
    for name in names:
        cells, values, unit = [], [], ""
        for side in result.sides:
            quantity = side.quantities.get(name)
            values.append(quantity.value if quantity else None)
            unit = quantity.unit if quantity else unit
            title = escape(f"{quantity.formula} = {substituted(quantity)}") if quantity else ""
            cells.append(f"<td class=n title='{title}'>{escape(show(values[-1]))}</td>")
        differs = None not in values and values[0] != values[1]
        kind = "lead" if differs and name == "agents_per_env" else "differs" if differs else ""
        # A phone has no room for a column of units, nor for names that cannot break.
        label = f"{name.replace('_', '_<wbr>')}<span class='small-unit dim'>{escape(unit)}</span>"
        rows.append(f"<tr class='{kind}'><td>{label}</td>{''.join(cells)}<td class=unit>{escape(unit)}</td></tr>")
    head = "<tr><th>quantity</th><th class=n>puffer</th><th class=n>native</th><th class=unit>unit</th></tr>"
    return f"<table>{head}{''.join(rows)}</table><p class=dim>Hover a number for its formula.</p>"


def _legend() -> str:
    items = (
        f"<span class=item><span class=key style='background:{COLOURS[fate]}'></span>{fate}: {text}</span>"
        for fate, text in MEANING.items()
    )
    return f"<p class=legend>{'<br>'.join(items)}</p>"


def _buffer(side: Side) -> str:
    title = f"<h3>{side.name}: {side.value('segments'):,} rows of {side.value('bptt_horizon')} agent-steps</h3>"
    if side.allocation is None:
        return f"{title}<p>There are more agents than rows; the rollout cannot run.</p>"
    if any(problem.finding == "rows-not-multiple" for problem in side.sizes.problems):
        return f"{title}<p>The rollout writes past the buffer and fails.</p>"
    rows = side.value("segments")
    spans = a.row_spans(rows, side.value("agents_per_forward"), side.value("groups"), side.value("bptt_horizon"))
    count = {fate: sum(span.length for span in spans if span.fate == fate) for fate in COLOURS}
    facts = (
        f"{count['clean'] + count['overwritten']:,} rows of one trajectory, {count['overwritten']:,} of them filled "
        f"twice; {count['spliced']:,} spliced rows"
    )
    return f"{title}{_row_map(rows, spans)}<p>Row 0 at the top left, read line by line: {facts}.</p>"


def _row_map(rows: int, spans: Iterable[a.RowSpan]) -> str:
    """A rectangle a line of the map and fate; several rows share a cell when there are many."""
    per_line = MAP_COLUMNS * max(1, -(-rows // (MAP_COLUMNS * 64)))
    lines = -(-rows // per_line)
    height, unit = 8, WIDTH / per_line
    shapes = []
    for span in spans:
        start, end = span.start, span.start + span.length
        while start < end:
            line = start // per_line
            stop = min(end, (line + 1) * per_line)
            shapes.append(
                f"<rect x='{(start - line * per_line) * unit:.2f}' y='{line * height}' "
                f"width='{(stop - start) * unit:.2f}' height='{height - 1}' fill='{COLOURS[span.fate]}'/>"
            )
            start = stop
    return f"<svg viewBox='0 0 {WIDTH} {lines * height}' role=img aria-label='row map'>{''.join(shapes)}</svg>"


def _timeline(side: Side) -> str:
    if side.allocation is None:
        return ""
    horizon, groups = side.value("bptt_horizon"), side.value("groups")
    longest, behind = side.allocation.recvs, side.allocation.groups_behind
    drawn = min(groups, MOST_LANES)
    first = max(0, longest - horizon * max(1, MOST_BLOCKS // drawn)) // horizon * horizon
    span = longest - first
    lane, left = 26, 70
    unit = (WIDTH - left) / span
    shapes = []
    for line in range(drawn):
        group = line if line < drawn - 1 else groups - 1  # of many groups the first ones and the last
        done = longest - (group >= groups - behind)
        y = line * lane
        shapes.append(f"<text x='0' y='{y + 16}' font-size='13' fill='#4a5a6a'>group {group}</text>")
        for begin in range(first, done, horizon):
            length = min(horizon, done - begin)
            colour = LANE_COLOURS[(begin // horizon) % 2] if length == horizon else "#e7ecf3"
            x = left + (begin - first) * unit
            shapes.append(
                f"<rect x='{x:.2f}' y='{y}' width='{max(0.5, length * unit - 1):.2f}' height='20' fill='{colour}'/>"
            )
            if length * unit > 46:
                ink = "#fff" if length == horizon else "#4a5a6a"
                shapes.append(f"<text x='{x + 5:.2f}' y='{y + 14}' font-size='11' fill='{ink}'>{length} cols</text>")
    ticks = f"<text x='{left}' y='{drawn * lane + 12}' font-size='12' fill='#6b7885'>env-step {first:,}</text>"
    ticks += (
        f"<text x='{WIDTH}' y='{drawn * lane + 12}' font-size='12' fill='#6b7885' text-anchor='end'>{longest:,}</text>"
    )
    svg = f"<svg viewBox='0 0 {WIDTH} {drawn * lane + 18}' role=img>{''.join(shapes)}{ticks}</svg>"
    return f"<h3>{side.name}: {groups} groups of {side.value('agents_per_forward'):,} agents</h3>{svg}"


def _findings(result: Audit) -> str:
    return "".join(
        f"<div class='finding {finding.severity}-box'><span class={finding.severity}>{finding.severity}</span> "
        f"{finding.side} <a href='{finding.link}'><strong>{finding.id}</strong></a>: {escape(finding.message)}<br>"
        f"<span class=dim>{escape(finding.evidence)}</span><br>fix: {escape(finding.fix)}</div>"
        for finding in result.findings
    )


def _pipeline(result: Audit) -> str:
    cells = ["<div></div><div><strong>puffer</strong></div><div><strong>native</strong></div>"]
    for position, stage in enumerate(stages(*result.sides), 1):
        cells.append(f"<div>{position}. {stage.title}</div>")
        cells += [f"<div>{'<br>'.join(escape(line) for line in lines)}</div>" for lines in (stage.puffer, stage.native)]
    return f"<div class=stages>{''.join(cells)}</div>"

"""A real headless Chromium looks at a page: what it shows after some clicks, what it complains of, what it fetches."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the browser's own calls home go nowhere
    "--virtual-time-budget=4000",
    "--enable-logging=stderr",
]
NARROWEST_WINDOW = 500


@dataclass(frozen=True)
class Seen:
    answer: Any  # what the probe returned
    console: list[str]  # messages of the page's console
    fetched: list[str]  # addresses that the page asked for


def look_at(page: Path, probe: str, work: Path, *, width: int = 1200, height: int = 900) -> Seen:
    """Open a copy of `page` that also runs `probe`, the body of an async JavaScript function returning the answer.

    A width below 500 pixels is that of a frame: a headless Chromium's window is never narrower.
    """
    work.mkdir(parents=True, exist_ok=True)
    copy, frame = work / "page.html", work / "frame.html"
    show = (
        "const show = (text) => { const out = document.createElement('pre'); out.id = 'answer';"
        "out.textContent = text; document.body.append(out); };"
    )
    script = (
        "<script>addEventListener('load', async () => {"
        + show
        + "const answer = await (async () => {"
        + probe
        + "})();"
        "const fetched = performance.getEntriesByType('resource').map((entry) => entry.name);"
        "const text = JSON.stringify({answer, fetched});"
        "if (parent === window) show(text); else parent.postMessage(text, '*'); })</script>"
    )
    copy.write_text(page.read_text().replace("</body>", script + "</body>"))
    frame.write_text(
        f"<!doctype html><body><script>{show} addEventListener('message', (event) => show(event.data))</script>"
        f'<iframe src="page.html" width="{width}" height="{height}" style="border: 0"></iframe></body>'
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "this test needs a Chromium on the PATH (apt-get install chromium)"
    done = subprocess.run(
        [
            chromium,
            *FLAGS,
            f"--user-data-dir={work / 'profile'}",
            f"--window-size={width},{height}",
            "--dump-dom",
            frame if width < NARROWEST_WINDOW else copy,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    heard = json.loads(html.unescape(found[1]))
    return Seen(heard["answer"], re.findall(r"CONSOLE.*", done.stderr), heard["fetched"])

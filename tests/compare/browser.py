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


@dataclass(frozen=True)
class Seen:
    answer: Any  # what the probe returned
    console: list[str]  # messages of the page's console
    fetched: list[str]  # addresses that the page asked for


def look_at(page: Path, probe: str, work: Path, *, width: int = 1200, height: int = 900) -> Seen:
    """Open a copy of `page` that also runs `probe`, the body of an async JavaScript function returning the answer."""
    work.mkdir(parents=True, exist_ok=True)
    copy = work / "page.html"
    script = (
        "<script>addEventListener('load', async () => { const answer = await (async () => {" + probe + "})();"
        "const fetched = performance.getEntriesByType('resource').map((entry) => entry.name);"
        "const out = document.createElement('pre'); out.id = 'answer';"
        "out.textContent = JSON.stringify({answer, fetched}); document.body.append(out); })</script>"
    )
    copy.write_text(page.read_text().replace("</body>", script + "</body>"))
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "this test needs a Chromium on the PATH (apt-get install chromium)"
    done = subprocess.run(
        [
            chromium,
            *FLAGS,
            f"--user-data-dir={work / 'profile'}",
            f"--window-size={width},{height}",
            "--dump-dom",
            copy,
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

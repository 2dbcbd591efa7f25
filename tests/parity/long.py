"""The long run: thousands of generated games in lockstep, resumable, its result written to docs/parity.md.

    python -m tests.parity.long --configs 5000 --agent-steps 20000000 --seed 1

Every game that was compared is a line in out/parity/seed-S.jsonl; a run that is stopped goes on from there.
A mismatch is shrunk and saved under tests/parity/regressions/, and the run goes on.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from tests.parity.case import Case
from tests.parity.engines import compare_case
from tests.parity.generator import generate
from tests.parity.lockstep import Progress, Report
from tests.parity.processes import ROOT, Died, Oracle, map_cases
from tests.parity.shrink import shrink

PAGE = ROOT / "docs" / "parity.md"
REGRESSIONS = Path(__file__).parent / "regressions"
CASES_OF_A_SEED = 1_000_000
LIMIT_SECONDS = 300.0


@dataclass(frozen=True)
class Line:
    """Outcome of one generated game. `verdict`: equal, mismatch, or a word for how the process died."""

    index: int
    agent_steps: int
    verdict: str
    raised: str = ""
    text: str = ""


def compare_generated(seed: int, agent_steps: int, progress: Progress) -> Report:
    progress("generating")
    return compare_case(generate(seed, agent_steps), progress)


def verdict(index: int, result: Report | Died) -> Line:
    if isinstance(result, Died):
        side = result.stage.split(":")[0]
        who = {"left": "published engine died", "right": "native engine died"}.get(side, "harness died")
        return Line(index, 0, who, text=str(result))
    if result.mismatch:
        return Line(index, result.agent_steps, "mismatch", text=str(result))
    return Line(index, result.agent_steps, "equal", raised=result.failure.kind if result.failure else "")


def shrink_and_save(oracle: Oracle, case: Case, report: Report, tries: int = 1500) -> Path:
    """The smallest case with the same kind of mismatch, saved as a regression."""

    def still_fails(candidate: Case) -> bool:
        result = oracle.call(compare_case, candidate, limit_seconds=LIMIT_SECONDS)
        return isinstance(result, Report) and result.mismatch == report.mismatch

    small = shrink(case, still_fails, tries)
    path = REGRESSIONS / f"{case.name.replace('.', '-')}.json"
    small.save(path)
    return path


class LongRun:
    """Reads what was done, does the rest."""

    def __init__(self, configs: int, agent_steps: int, seed: int, log: Path) -> None:
        self.configs, self.agent_steps, self.seed, self.log = configs, agent_steps, seed, log
        # A little more for each, as games that end in an error or are short of agents stay below their share.
        self.share = max(100, int(agent_steps / configs * 1.1))
        self.lines: dict[int, Line] = {}
        if log.exists():
            for text in log.read_text().splitlines():
                line = Line(**json.loads(text))
                self.lines[line.index] = line

    def _todo(self) -> Iterator[tuple[int, int]]:
        index = 0
        while index < self.configs or self.compared < self.agent_steps:
            if index not in self.lines:
                yield self.seed * CASES_OF_A_SEED + index, self.share
            index += 1

    @property
    def compared(self) -> int:
        return sum(line.agent_steps for line in self.lines.values() if line.verdict == "equal")

    def run(self, workers: int) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        oracle = Oracle()
        told, steps = time.monotonic(), self.compared
        with self.log.open("a") as out:
            for (case_seed, _), result in map_cases(compare_generated, self._todo(), workers, LIMIT_SECONDS):
                line = verdict(case_seed - self.seed * CASES_OF_A_SEED, result)
                self.lines[line.index] = line
                out.write(json.dumps(asdict(line)) + "\n")
                out.flush()
                if line.verdict != "equal":
                    print(f"{case_seed}: {line.verdict}\n{line.text}", flush=True)
                if line.verdict == "mismatch":
                    path = shrink_and_save(oracle, generate(case_seed, self.share), result)
                    print(f"  saved {path.relative_to(ROOT)}", flush=True)
                if time.monotonic() - told > 10:
                    rate = (self.compared - steps) / (time.monotonic() - told)
                    told, steps = time.monotonic(), self.compared
                    print(f"{len(self.lines)} games, {steps:,} agent steps, {rate:,.0f}/s", flush=True)
        oracle.close()


def result_section(run: LongRun, seconds: float) -> str:
    lines = list(run.lines.values())
    equal = [line for line in lines if line.verdict == "equal"]
    raised: dict[str, int] = {}
    for line in equal:
        if line.raised:
            raised[line.raised] = raised.get(line.raised, 0) + 1
    others: dict[str, int] = {}
    for line in lines:
        if line.verdict != "equal":
            others[line.verdict] = others.get(line.verdict, 0) + 1
    rows = [
        ("date", date.today().isoformat()),
        (
            "command",
            f"`python -m tests.parity.long --configs {run.configs} --agent-steps {run.agent_steps} --seed {run.seed}`",
        ),
        ("games compared", f"{len(lines):,}"),
        ("agent steps compared", f"{run.compared:,}"),
        ("mismatches", str(others.pop("mismatch", 0))),
        ("crashes", ", ".join(f"{name}: {count}" for name, count in others.items()) or "0"),
        ("games both engines ended with the same error", ", ".join(f"{v} {k}" for k, v in raised.items()) or "0"),
        ("commit", _commit()),
        ("mettagrid", metadata.version("mettagrid")),
        ("Python, numpy", f"{platform.python_version()}, {metadata.version('numpy')}"),
        ("machine", f"{platform.machine()}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}"),
        ("seconds of the last run", f"{seconds:.0f}"),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def _commit() -> str:
    shown = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    return shown.stdout.strip() or "unknown"


def write_result(section: str) -> None:
    begin, end = "<!-- long run -->", "<!-- end of long run -->"
    page = PAGE.read_text()
    assert begin in page, f"{PAGE} lost its mark {begin}"
    PAGE.write_text(re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{section}\n{end}", page, flags=re.S))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity.long", description=__doc__.split("\n\n")[0])
    parser.add_argument("--configs", type=int, default=5000, help="games to compare at least (default %(default)s)")
    parser.add_argument("--agent-steps", type=int, default=20_000_000, help="to compare at least (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-page", action="store_true", help="do not write docs/parity.md")
    options = parser.parse_args(arguments)
    log = ROOT / "out" / "parity" / f"seed-{options.seed}.jsonl"
    run = LongRun(options.configs, options.agent_steps, options.seed, log)
    if run.lines:
        print(f"going on after {len(run.lines)} games, {run.compared:,} agent steps ({log.relative_to(ROOT)})")
    begun = time.monotonic()
    try:
        run.run(options.workers)
    except KeyboardInterrupt:
        print(f"stopped after {len(run.lines)} games, {run.compared:,} agent steps; the same command goes on")
        return 130
    section = result_section(run, time.monotonic() - begun)
    print(section)
    bad: list[Any] = [line for line in run.lines.values() if line.verdict != "equal"]
    if not options.no_page:
        write_result(section)
    return 1 if bad else 0


if __name__ == "__main__":
    # Under the module's own name, so that child processes find the same functions and classes.
    sys.exit(import_module("tests.parity.long").main())

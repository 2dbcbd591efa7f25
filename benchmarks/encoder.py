"""The observation encoder alone: `python -m benchmarks.encoder [--repeats N]`.

Printed for 11x11 windows with 200 tokens and 13x13 with 500: nanoseconds of processor time for one agent's
observation (lowest, median and highest of the repeats), and how many tokens it holds. 24 agents walk at random on a
37x37 map with a border six walls thick, ten inner walls and 30 objects; what walking alone takes is measured beside it
and taken off.

tests/cpp/encoder_speed.cpp does it, in C++ without Python; `make setup` builds it. How to profile it:
docs/performance.md.
"""

import argparse
import statistics
import subprocess
from pathlib import Path

from metta_puffer import _engine

PROGRAM = Path(_engine.__file__).parent / "engine_tests"
OBSERVATIONS = ((11, 200), (13, 500))


def measure(window: int, tokens: int, repeats: int) -> tuple[list[float], float]:
    """(nanoseconds an observation, one a repeat; tokens that an observation holds)."""
    command = [str(PROGRAM), "--encoder", str(window), str(tokens), str(repeats)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    repeated = [[float(number) for number in line.split()] for line in lines]
    return [nanoseconds for nanoseconds, _ in repeated], repeated[-1][1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    if repeats < 1:
        parser.error("--repeats must be at least 1")
    if not PROGRAM.exists():
        parser.exit(2, f"{PROGRAM} is missing: run `make setup`\n")
    for window, tokens in OBSERVATIONS:
        nanoseconds, held = measure(window, tokens, repeats)
        low, middle, high = min(nanoseconds), statistics.median(nanoseconds), max(nanoseconds)
        print(
            f"{window}x{window}, {tokens} tokens: {middle:.0f} ns an observation ({low:.0f} to {high:.0f}), "
            f"{held:.1f} tokens in it"
        )


if __name__ == "__main__":
    main()

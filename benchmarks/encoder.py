"""The observation encoder alone: `python -m benchmarks.encoder [--episodes N]`.

Printed for 11x11 windows with 200 tokens and 13x13 with 500: nanoseconds of processor time for one agent's
observation, as quartiles over episodes of 1,000 env steps, and how many tokens it holds. 24 agents walk at random on a
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


def measure(window: int, tokens: int, episodes: int) -> list[tuple[float, float]]:
    """(nanoseconds an observation, tokens that it holds) of each episode."""
    command = [str(PROGRAM), "--encoder", str(window), str(tokens), str(episodes)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [(float(nanoseconds), float(held)) for nanoseconds, held in map(str.split, lines)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--episodes", type=int, default=200)
    episodes = parser.parse_args().episodes
    if episodes < 2:
        parser.error("--episodes must be at least 2")
    if not PROGRAM.exists():
        parser.exit(2, f"{PROGRAM} is missing: run `make setup`\n")
    for window, tokens in OBSERVATIONS:
        measured = measure(window, tokens, episodes)
        lower, middle, upper = statistics.quantiles((nanoseconds for nanoseconds, _ in measured), n=4)
        held = statistics.mean(held for _, held in measured)
        print(
            f"{window}x{window}, {tokens} tokens: {middle:.0f} ns an observation ({lower:.0f} to {upper:.0f}), "
            f"{held:.1f} tokens in it"
        )


if __name__ == "__main__":
    main()

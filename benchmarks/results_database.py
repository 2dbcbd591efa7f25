"""Loading and plotting 1,000 runs x 10,000 points out of results.duckdb. `python -m benchmarks.results_database`."""

import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from compare.query import mean_curves
from metta_puffer.tracking.store import open_store

RUNS, POINTS = 1_000, 10_000


def fill(path: Path) -> None:
    """Random walks, made where they are stored."""
    with open_store(path) as connection:
        connection.execute(
            f"""
            INSERT INTO metrics
            SELECT arm || '-seed' || seed, arm, seed, epoch, epoch * 1000, epoch * 100, epoch * 4, epoch * 0.5,
                   'score', ln(epoch) + random()
            FROM (VALUES ('puffer'), ('native')) AS arms(arm), range({RUNS // 2}) AS s(seed),
                 range(1, {POINTS} + 1) AS e(epoch)
            """
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.duckdb"
        fill(path)
        started = time.perf_counter()
        bands = mean_curves(path)
        loaded = time.perf_counter()
        figure, axes = plt.subplots()
        for arm, band in bands.groupby("arm"):
            axes.plot(band["agent_steps"], band["mean"], label=arm)
            axes.fill_between(band["agent_steps"], band["mean"] - band["sd"], band["mean"] + band["sd"], alpha=0.2)
        figure.savefig(Path(folder) / "curves.png")
        drawn = time.perf_counter()
        size = path.stat().st_size / 2**20
        print(f"{RUNS:,} runs x {POINTS:,} points, {size:.0f} MiB on disk")
        print(f"load {loaded - started:.2f} s, plot {drawn - loaded:.2f} s")


if __name__ == "__main__":
    main()

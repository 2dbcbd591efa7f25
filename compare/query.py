"""Results as pandas data frames: `from compare.query import curves, final_scores, evaluations, runs, sql`.

From a shell: `python -m compare.query out/ab/results.duckdb "SELECT * FROM final_scores"`. docs/results-database.md
describes tables and views.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError
from metta_puffer.tracking.store import open_store

Results = str | os.PathLike[str]  # a results.duckdb, or the folder that holds it


def sql(results: Results, query: str) -> pd.DataFrame:
    """What `query` gives, on a connection that cannot change anything. Raises UserError for a wrong query."""
    with open_store(_path(results), read_only=True) as connection:
        try:
            return connection.execute(query).fetchdf()
        except duckdb.Error as error:
            raise UserError(
                str(error), key="query", value=query, remedy="tables and views are in docs/results-database.md"
            ) from error


def runs(results: Results) -> pd.DataFrame:
    """One row a run."""
    return sql(results, "SELECT * FROM runs ORDER BY arm, seed")


def curves(results: Results, name: str = "score") -> pd.DataFrame:
    """Every moment of every run that has a value of metric `name`: counters and `value`."""
    with open_store(_path(results), read_only=True) as connection:
        return connection.execute(
            "SELECT * EXCLUDE (name) FROM metrics WHERE name = ? ORDER BY arm, seed, agent_steps", [name]
        ).fetchdf()


def final_scores(results: Results) -> pd.DataFrame:
    """One row a run: the mean of its scores over the last tenth of its agent-steps."""
    return sql(results, "SELECT * FROM final_scores ORDER BY arm, seed")


def evaluations(results: Results) -> pd.DataFrame:
    """Scores of frozen policies on held-out maps, one row a run, mark and way of choosing actions."""
    return sql(results, "SELECT * FROM evaluations ORDER BY arm, seed, agent_steps, actions")


def mean_curves(results: Results, name: str = "score", points: int = 200) -> pd.DataFrame:
    """Mean and spread over seeds by arm on `points` equal bins of agent-steps, computed where the data is.

    Columns: arm, agent_steps (middle of the bin), mean, sd (over runs, n - 1), runs. A bin holds only the runs that
    have a value in it.
    """
    if points < 1:
        raise UserError("must be at least 1", key="points", value=points, remedy="ask for 200 points")
    with open_store(_path(results), read_only=True) as connection:
        frame = connection.execute(
            """
            WITH chosen AS (SELECT arm, run_id, agent_steps, value FROM metrics WHERE name = $name),
            most AS (SELECT max(agent_steps) AS agent_steps FROM chosen),
            binned AS (
                SELECT arm, run_id, least($points - 1, chosen.agent_steps * $points // most.agent_steps) AS bin,
                       avg(value) AS value
                FROM chosen, most GROUP BY ALL
            )
            SELECT arm, (bin + 0.5) * (SELECT agent_steps FROM most) / $points AS agent_steps, avg(value) AS mean,
                   stddev_samp(value) AS sd, count(*) AS runs
            FROM binned GROUP BY arm, bin ORDER BY arm, bin
            """,
            {"name": name, "points": points},
        ).fetchdf()
    return frame.assign(sd=frame["sd"].replace([np.inf], np.nan))


def _path(results: Results) -> Path:
    path = Path(results)
    return path / "results.duckdb" if path.is_dir() else path


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m compare.query", description=__doc__)
    parser.add_argument("results", help="results.duckdb, or the folder that holds it")
    parser.add_argument("query", nargs="?", default="SELECT * FROM final_scores ORDER BY arm, seed")
    given = parser.parse_args(arguments)
    try:
        print(sql(given.results, given.query).to_string(index=False))
    except UserError as error:
        print(error, file=sys.stderr)
        return EXIT_UNUSABLE_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

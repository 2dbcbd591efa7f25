"""Runs and their metrics in DuckDB. Merging reads what the runs wrote; it never changes a run.

Tables: `runs`, one row a run; `metrics`, one row a named value of one moment of one run, with the counters of that
moment. Views: `curves` (the score), `final_scores` (mean score over the last tenth of a run's agent-steps) and
`evaluations` (scores of the frozen policy on held-out maps).
"""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from metta_puffer.errors import UserError
from metta_puffer.tracking.schema import MetricRecord

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run_id VARCHAR PRIMARY KEY,
    arm VARCHAR NOT NULL,
    seed INTEGER NOT NULL,
    status VARCHAR NOT NULL,          -- finished, failed, partial or waiting
    trainer VARCHAR NOT NULL,
    run_dir VARCHAR NOT NULL,
    plan_hash VARCHAR NOT NULL,
    plan VARCHAR NOT NULL,            -- the resolved RunPlan as JSON
    epochs BIGINT,
    agent_steps BIGINT,
    gradient_updates BIGINT,
    wall_seconds DOUBLE,
    error VARCHAR                     -- the end of the log of a failed run
);
CREATE TABLE IF NOT EXISTS metrics (
    run_id VARCHAR NOT NULL,
    arm VARCHAR NOT NULL,
    seed INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    agent_steps BIGINT NOT NULL,
    env_steps BIGINT NOT NULL,
    gradient_updates BIGINT NOT NULL,
    wall_seconds DOUBLE NOT NULL,
    name VARCHAR NOT NULL,
    value DOUBLE NOT NULL             -- NaN and infinities are kept: a diverged run must be seen
);
CREATE OR REPLACE VIEW curves AS
    SELECT run_id, arm, seed, epoch, agent_steps, env_steps, gradient_updates, wall_seconds, value AS score
    FROM metrics WHERE name = 'score';
CREATE OR REPLACE VIEW final_scores AS
    SELECT run_id, arm, seed, avg(score) AS score, count(*) AS points
    FROM (SELECT *, max(agent_steps) OVER (PARTITION BY run_id) AS last FROM curves)
    WHERE agent_steps >= 0.9 * last GROUP BY run_id, arm, seed;
CREATE OR REPLACE VIEW evaluations AS
    SELECT run_id, arm, seed, epoch, agent_steps, gradient_updates, wall_seconds,
           regexp_extract(name, '^evaluation/(.*)$', 1) AS actions, value AS score
    FROM metrics WHERE name LIKE 'evaluation/%';
"""


@dataclass(frozen=True)
class RunRow:
    """One row of `runs`."""

    run_id: str
    arm: str
    seed: int
    status: str
    trainer: str
    run_dir: str
    plan_hash: str
    plan: str
    epochs: int | None = None
    agent_steps: int | None = None
    gradient_updates: int | None = None
    wall_seconds: float | None = None
    error: str | None = None


def open_store(path: str | os.PathLike[str], *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection to the results at `path`, with its tables and views made unless `read_only`.

    Raises UserError when the file is no DuckDB database, is missing (`read_only`) or is open for writing elsewhere.
    """
    if read_only and not Path(path).exists():
        raise UserError("no such results file", file=str(path), remedy="name the results.duckdb of a comparison")
    try:
        connection = duckdb.connect(str(path), read_only=read_only)
    except duckdb.Error as error:
        raise UserError(
            f"cannot open these results ({str(error).splitlines()[0]})",
            file=str(path),
            remedy="close other programs that have it open; if it is damaged, delete it: it is rebuilt from the runs",
        ) from error
    if not read_only:
        connection.execute(SCHEMA)
    return connection


def merge(path: str | os.PathLike[str], runs: Iterable[tuple[RunRow, Sequence[MetricRecord]]]) -> None:
    """Put `runs` and their records into the results at `path`, replacing what is there of the same run ids.

    All in one transaction: a reader, or a kill at any moment, sees either the old results or the new ones.
    Merging the same runs again changes nothing. Raises UserError when it cannot be written.
    """
    runs = list(runs)
    connection = open_store(path)
    try:
        connection.begin()
        columns = ", ".join(field.name for field in fields(RunRow))
        marks = ", ".join("?" for _ in fields(RunRow))
        for row, _records in runs:
            connection.execute("DELETE FROM metrics WHERE run_id = ?", [row.run_id])
            connection.execute(f"INSERT OR REPLACE INTO runs ({columns}) VALUES ({marks})", list(asdict(row).values()))
        frames = [_frame(row, records) for row, records in runs if records]
        if frames:
            connection.register("frame", pd.concat(frames, ignore_index=True))
            # pandas has no NaN beside NULL, so whether a value is NaN travels in a column of its own.
            connection.execute(
                "INSERT INTO metrics SELECT run_id, arm, seed, epoch, agent_steps, env_steps, gradient_updates, "
                "wall_seconds, name, CASE WHEN is_nan THEN 'NaN'::DOUBLE ELSE value END FROM frame"
            )
        connection.commit()
    except duckdb.IOException as error:
        raise UserError(
            f"cannot be written ({str(error).splitlines()[0]})",
            file=str(path),
            remedy="make room; what the runs wrote is untouched, and it is rebuilt from there",
        ) from error
    finally:
        connection.close()


def _frame(row: RunRow, records: Sequence[MetricRecord]) -> pd.DataFrame:
    """The records as rows of `metrics`, values named in order of each record."""
    counts = np.array([len(record.values) for record in records])
    values = np.array([value for record in records for value in record.values.values()], dtype=np.float64)

    def repeated(name: str) -> np.ndarray:
        return np.repeat(np.array([getattr(record, name) for record in records]), counts)

    return pd.DataFrame(
        {
            "run_id": row.run_id,
            "arm": row.arm,
            "seed": row.seed,
            **{name: repeated(name) for name in ("epoch", "agent_steps", "env_steps", "gradient_updates")},
            "wall_seconds": repeated("wall_seconds").astype(np.float64),
            "name": [name for record in records for name in record.values],
            "value": np.where(np.isnan(values), 0.0, values),
            "is_nan": [math.isnan(value) for value in values],
        }
    )

"""Merging into DuckDB: the columns of the contract, all or nothing, and the same thing twice changes nothing."""

import math

import pytest

from metta_puffer.errors import UserError
from metta_puffer.tracking import store
from metta_puffer.tracking.schema import MetricRecord


def run(seed: int, arm: str = "puffer", status: str = "finished") -> store.RunRow:
    return store.RunRow(f"{arm}-seed{seed}", arm, seed, status, arm, f"runs/{arm}-seed{seed}", "hash", "{}")


def records(count: int, offset: float = 0.0) -> list[MetricRecord]:
    return [
        MetricRecord(e, 100 * e, 25 * e, 4 * e, 0.5 * e, {"score": e + offset, "losses/policy": -e})
        for e in range(1, count + 1)
    ]


def everything(path):
    with store.open_store(path) as connection:
        return connection.execute("SELECT * FROM runs ORDER BY ALL").fetchall(), connection.execute(
            "SELECT * FROM metrics ORDER BY ALL"
        ).fetchall()


def test_metrics_has_the_columns_of_the_contract(tmp_path):
    store.merge(tmp_path / "r.duckdb", [(run(0), records(1))])
    with store.open_store(tmp_path / "r.duckdb", read_only=True) as connection:
        connection.execute("SELECT * FROM metrics ORDER BY name")
        columns = " ".join(column[0] for column in connection.description)
        assert columns == "run_id arm seed epoch agent_steps env_steps gradient_updates wall_seconds name value"
        assert connection.fetchall() == [
            ("puffer-seed0", "puffer", 0, 1, 100, 25, 4, 0.5, "losses/policy", -1.0),
            ("puffer-seed0", "puffer", 0, 1, 100, 25, 4, 0.5, "score", 1.0),
        ]


def test_merging_twice_changes_nothing_and_more_replaces(tmp_path):
    path = tmp_path / "r.duckdb"
    both = [(run(0), records(3)), (run(1), records(2))]
    store.merge(path, both)
    once = everything(path)
    store.merge(path, both)
    assert everything(path) == once
    store.merge(path, [(run(1), records(5))])
    runs, metrics = everything(path)
    assert len(runs) == 2 and len(metrics) == 2 * (3 + 5)


def test_a_failure_in_the_middle_of_a_merge_leaves_the_old_results(tmp_path):
    path = tmp_path / "r.duckdb"
    store.merge(path, [(run(0), records(3))])
    before = everything(path)
    broken = [MetricRecord(1, 1, 1, 1, 1.0, {"score": "high"})]  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="high"):
        store.merge(path, [(run(0), records(9)), (run(1), broken)])
    assert everything(path) == before


def test_not_a_number_and_empty_records_are_kept(tmp_path):
    path = tmp_path / "r.duckdb"
    moments = [
        MetricRecord(1, 1, 1, 1, 1.0, {"score": math.nan, "x": math.inf}),
        MetricRecord(2, 2, 2, 2, 2.0, {}),
    ]
    store.merge(path, [(run(0), moments), (run(1, status="failed"), [])])
    with store.open_store(path, read_only=True) as connection:
        values = dict(connection.execute("SELECT name, value FROM metrics").fetchall())
        assert math.isnan(values["score"]) and values["x"] == math.inf
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)


def test_views(tmp_path):
    path = tmp_path / "r.duckdb"
    moments = records(20)
    moments.append(MetricRecord(21, 2100, 0, 0, 0.0, {"evaluation/sampled": 7.0}))
    store.merge(path, [(run(0), moments)])
    with store.open_store(path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM curves").fetchone() == (20,)
        # The last tenth of 2,000 agent-steps: epochs 18, 19 and 20.
        assert connection.execute("SELECT score, points FROM final_scores").fetchone() == (19.0, 3)
        assert connection.execute("SELECT actions, score FROM evaluations").fetchone() == ("sampled", 7.0)


def test_a_foreign_or_missing_file_is_the_users_to_mend(tmp_path):
    (tmp_path / "notes.duckdb").write_text("not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(UserError, match="cannot open these results"):
        store.open_store(tmp_path / "notes.duckdb")
    with pytest.raises(UserError, match="no such results"):
        store.open_store(tmp_path / "missing.duckdb", read_only=True)

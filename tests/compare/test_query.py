"""Results as users read them."""

import re
from pathlib import Path

import numpy as np
import pytest

from compare import query
from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError
from metta_puffer.tracking import store
from metta_puffer.tracking.schema import MetricRecord
from tests.compare.plans import plan

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results-database.md"


@pytest.fixture
def folder(tmp_path):
    made = []
    for seed in (0, 1):
        row = store.RunRow(f"puffer-seed{seed}", "puffer", seed, "finished", "puffer", "", "", plan().model_dump_json())
        records = [MetricRecord(e, 10 * e, e, e, e, {"score": float(e + 10 * seed), "x": 1.0}) for e in range(1, 11)]
        records.append(MetricRecord(10, 100, 10, 10, 10.0, {"evaluation/sampled": 5.0}))
        made.append((row, records))
    store.merge(tmp_path / "results.duckdb", made)
    return tmp_path


def test_frames(folder):
    assert query.runs(folder)["run_id"].tolist() == ["puffer-seed0", "puffer-seed1"]
    assert query.curves(folder).groupby("seed")["value"].last().tolist() == [10.0, 20.0]
    assert len(query.curves(folder / "results.duckdb", "x")) == 20
    assert query.final_scores(folder)["score"].tolist() == [9.5, 19.5]
    assert query.evaluations(folder)["actions"].tolist() == ["sampled", "sampled"]
    rates = query.sql(folder, "SELECT plan->>'$.optimizer.learning_rate' AS learning_rate FROM runs")
    assert rates["learning_rate"].astype(float).tolist() == [0.001, 0.001]


def test_mean_curves_are_means_over_runs(folder):
    bands = query.mean_curves(folder, points=5)
    assert bands["runs"].tolist() == [2] * 5
    # Bins of 20 agent-steps, the last moment in the last one: epochs 1 | 2, 3 | 4, 5 | 6, 7 | 8, 9, 10.
    assert bands["mean"].tolist() == pytest.approx([6, 7.5, 9.5, 11.5, 14])
    assert bands["sd"].tolist() == pytest.approx([np.std([0, 10], ddof=1)] * 5)
    assert bands["agent_steps"].tolist() == [10, 30, 50, 70, 90]


def test_a_query_cannot_change_results_and_a_wrong_one_is_named(folder, capsys):
    for wrong in ("DELETE FROM runs", "SELECT nothing FROM nowhere"):
        with pytest.raises(UserError, match="query"):
            query.sql(folder, wrong)
    assert query.main([str(folder), "SELECT count(*) AS runs FROM runs"]) == 0
    assert capsys.readouterr().out.split() == ["runs", "2"]
    assert query.main([str(folder / "none.duckdb")]) == EXIT_UNUSABLE_INPUT


def test_the_page_names_every_table_view_and_column(folder):
    text = PAGE.read_text()
    with store.open_store(folder / "results.duckdb", read_only=True) as connection:
        names = [name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()]
        columns = connection.execute(
            "SELECT DISTINCT column_name FROM information_schema.columns WHERE table_name IN ('runs', 'metrics')"
        ).fetchall()
    assert {"runs", "metrics", "curves", "final_scores", "evaluations"} == set(names)
    for name in [*names, *(column for (column,) in columns)]:
        assert re.search(rf"\b{name}\b", text), name

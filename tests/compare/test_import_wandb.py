"""A run exported from wandb becomes a run that can be added."""

import json

import pandas as pd
import pytest

from compare.adding import Addition, read_run
from compare.import_wandb import main
from compare.rundir import status
from metta_puffer.errors import EXIT_UNUSABLE_INPUT
from metta_puffer.tracking.jsonl import read_records
from metta_puffer.tracking.schema import MetricRecord
from tests.compare.plans import plan

MOMENTS = [
    MetricRecord(e, 128 * e, 32 * e, 2 * e, 0.5 * e, {"score": float(e)} if e % 2 else {"losses/policy": -1.0})
    for e in range(1, 11)
]


@pytest.fixture
def export(tmp_path):
    rows = [{"_step": m.epoch, "_runtime": 1.0, **{k: v for k, v in vars(m).items() if k != "values"}, **m.values}
            for m in MOMENTS]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "history.csv")
    (tmp_path / "config.json").write_text(json.dumps({**plan(seed=4).model_dump(mode="json"), "_wandb": {"value": 1}}))
    return tmp_path


def test_what_was_logged_comes_back(export):
    given = [str(export / "history.csv"), "--config", str(export / "config.json"), "--out", str(export / "run")]
    assert main(given) == 0
    assert read_records(export / "run" / "metrics.jsonl") == MOMENTS
    added = read_run(Addition("puffer", export / "run"))
    assert added.seed == 4 and status(added) == "finished"
    assert main(given) == EXIT_UNUSABLE_INPUT  # it is there already


def test_settings_wrapped_as_wandbs_own_files_have_them(export):
    wrapped = {key: {"value": value} for key, value in plan().model_dump(mode="json").items()}
    (export / "config.json").write_text(json.dumps(wrapped))
    given = [str(export / "history.csv"), "--config", str(export / "config.json"), "--out", str(export / "run")]
    assert main(given) == 0


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("history.csv", "_step,score\n1,2\n", "has no column epoch"),
        ("config.json", "{}", "not the settings of one of our runs"),
        ("config.json", "nonsense", "not the settings"),
    ],
)
def test_what_is_no_export_is_named(export, capsys, file, content, complaint):
    (export / file).write_text(content)
    given = [str(export / "history.csv"), "--config", str(export / "config.json"), "--out", str(export / "run")]
    assert main(given) == EXIT_UNUSABLE_INPUT
    assert complaint in capsys.readouterr().err and not (export / "run").exists()

"""The native trainer on a full disk, in a folder that is deleted under it, and with a copy behind a URI that fails."""

import logging
import shutil
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from metta_puffer import uris
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints, run_folder
from metta_puffer.native.trainer import train
from metta_puffer.tracking.schema import MetricRecord
from metta_puffer.tracking.write_failures import NotWrittenError, OnFailure
from tests.native.toys import ListSink, recall_env, toy_plan
from tests.small_disk import no_file_above

PART_OF_A_CHECKPOINT = 4000  # bytes: the weights do not fit


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Meddling(ListSink):
    """Does something to the world at the end of an epoch."""

    def __init__(self, epoch: int, do: Callable[[], object]) -> None:
        super().__init__()
        self._epoch, self._do = epoch, do

    def log(self, record: MetricRecord) -> None:
        super().log(record)
        if record.epoch == self._epoch:
            self._do()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_disk_that_was_full_for_a_while_costs_only_its_checkpoints(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as full:
        full.enter_context(no_file_above(PART_OF_A_CHECKPOINT))
        sink = Meddling(3, full.close)
        result = train(toy_plan(tmp_path, checkpoint_interval_epochs=1), sink, recall_env)
    assert result.status == "finished" and len(sink.records) == 3
    assert "checkpoint of epoch 1 not written, training goes on" in caplog.text and "File too large" in caplog.text
    assert names(tmp_path / "checkpoints") == ["v000003"]  # and nothing half-written lies about
    checkpoints.load(checkpoints.resolve(tmp_path))


def test_a_full_disk_stops_the_run_where_that_is_wanted(tmp_path: Path) -> None:
    plan = toy_plan(tmp_path, checkpoint_interval_epochs=1, checkpoint_on_failure="stop")
    sink = ListSink()
    with ExitStack() as full:
        fill = Meddling(2, lambda: full.enter_context(no_file_above(PART_OF_A_CHECKPOINT)))
        fill.records = sink.records
        with pytest.raises(NotWrittenError, match=r"File too large.*Newest checkpoint: .*v000001.*since is lost"):
            train(plan, fill, recall_env)
    assert [record.epoch for record in sink.records] == [1, 2]
    assert names(tmp_path / "checkpoints") == ["v000001"]
    assert train(plan, ListSink(), recall_env).epochs == 3  # and goes on from there


def test_a_run_whose_last_checkpoint_fails_does_not_end_well(tmp_path: Path) -> None:
    with no_file_above(PART_OF_A_CHECKPOINT), pytest.raises(NotWrittenError, match="Newest checkpoint: none"):
        train(toy_plan(tmp_path), ListSink(), recall_env)


@pytest.mark.parametrize("rule", ["continue", "stop"])
def test_metrics_that_cannot_be_written_follow_the_same_rule(
    tmp_path: Path, rule: OnFailure, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OSError("metrics are on a disk of their own, and it is full")

    plan, sink = toy_plan(tmp_path, checkpoint_on_failure=rule), Meddling(2, fail)
    if rule == "continue":
        assert train(plan, sink, recall_env).status == "finished"
    else:
        with pytest.raises(NotWrittenError, match=r"metrics: .*is full.*v000002\. Make room"):
            train(plan, sink, recall_env)
    assert [record.epoch for record in sink.records] == [1, 2, 3][: 3 if rule == "continue" else 2]
    assert "metrics of epoch 2 not written" in caplog.text


@pytest.mark.parametrize("rule", ["continue", "stop"])
def test_a_deleted_folder_is_reported(tmp_path: Path, rule: OnFailure, caplog: pytest.LogCaptureFixture) -> None:
    plan = toy_plan(tmp_path / "run", checkpoint_interval_epochs=1, checkpoint_on_failure=rule)
    sink = Meddling(2, lambda: shutil.rmtree(tmp_path / "run"))
    if rule == "continue":
        assert train(plan, sink, recall_env).status == "finished"
    else:
        with pytest.raises(NotWrittenError, match=r"folder deleted.*v000002"):
            train(plan, sink, recall_env)
    assert "the older ones are gone: folder deleted" in caplog.text
    kept = ["v000002", "v000003"] if rule == "continue" else ["v000002"]
    assert names(tmp_path / "run" / "checkpoints") == kept


def test_a_copy_that_fails_is_reported_and_the_run_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = f"memory://{uuid.uuid4().hex}"
    put = uris.put

    def no_network(path: Path, location: str) -> None:
        raise UserError("cannot be written (no network)", remedy="plug it in")

    monkeypatch.setattr(uris, "put", no_network)
    sink = Meddling(2, lambda: monkeypatch.setattr(uris, "put", put))
    plan = toy_plan(tmp_path, checkpoint_interval_epochs=1, upload_to=kept)
    with caplog.at_level(logging.WARNING):
        assert train(plan, sink, recall_env).status == "finished"
    assert "copy of the checkpoint of epoch 1 not written, training goes on" in caplog.text
    assert "copy of the checkpoint of epoch 2 written again" in caplog.text
    assert len(checkpoints.versions(tmp_path / "checkpoints")) == 3
    assert [uris.name_of(version) for version in checkpoints.resolve_all(kept)] == ["v000002", "v000003"]
    uris.remove(kept)


def test_a_run_is_fetched_where_it_is_behind_and_left_alone_where_it_is_ahead(tmp_path: Path) -> None:
    kept = f"memory://{uuid.uuid4().hex}"
    here, there = tmp_path / "here", tmp_path / "there"
    plan = toy_plan(here, checkpoint_interval_epochs=1, upload_to=kept)
    train(plan, ListSink(), recall_env)
    there.mkdir()
    run_folder.fetch(kept, there)
    assert names(there / "checkpoints") == ["v000003"] and names(there)[1:] == ["initial_weights.json"]
    longer = plan.batch.model_copy(update={"total_timesteps": 512 * 5})
    train(plan.model_copy(update={"run_dir": str(there), "batch": longer, "upload_to": None}), ListSink(), recall_env)
    run_folder.fetch(kept, there)  # the copy is older now
    assert names(there / "checkpoints")[-1] == "v000005"
    uris.remove(kept)


def test_a_run_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    train(toy_plan(tmp_path / "first"), ListSink(), recall_env)
    weights = checkpoints.load(checkpoints.resolve(tmp_path / "first")).weights
    plan = toy_plan(tmp_path / "second", initial_policy=f"{tmp_path}/first:v3", optimizer__learning_rate=1e-30)
    train(plan, ListSink(), recall_env)
    second = checkpoints.load(checkpoints.resolve(tmp_path / "second")).weights
    for name, tensor in weights.items():
        torch.testing.assert_close(second[name], tensor, msg=name)
    other = toy_plan(tmp_path / "third", initial_policy=f"{tmp_path}/first", policy__options={"hidden_size": 4})
    with pytest.raises(UserError, match=r"trainer\.initial_policy.*another policy or game \(size mismatch"):
        train(other, ListSink(), recall_env)
    with pytest.raises(UserError, match="no version v9; the nearest is v3"):
        train(toy_plan(tmp_path / "third", initial_policy=f"{tmp_path}/first:v9"), ListSink(), recall_env)

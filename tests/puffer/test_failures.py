"""PuffeRL on a full disk, and after a kill in the middle of a checkpoint."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from metta_puffer import uris
from metta_puffer.errors import UserError
from metta_puffer.puffer.checkpoints import load_file, read_saved, resolve_model
from metta_puffer.puffer.train import train
from metta_puffer.tracking.schema import MetricRecord
from metta_puffer.tracking.write_failures import NotWrittenError
from tests.puffer.toy import MemorySink, toy_plan
from tests.small_disk import no_file_above

pytestmark = pytest.mark.usefixtures("toy")

PART_OF_A_MODEL = 600  # bytes


class Meddling(MemorySink):
    """Does something to the world at the end of some epochs."""

    def __init__(self, deeds: dict[int, Callable[[], object]]) -> None:
        super().__init__()
        self._deeds = deeds

    def log(self, record: MetricRecord) -> None:
        super().log(record)
        self._deeds.get(record.epoch, int)()


def models(run: Path) -> list[str]:
    return sorted(path.name for path in run.glob("model_*"))


def test_a_disk_that_was_full_for_a_while_costs_only_its_checkpoints(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    with ExitStack() as full:
        sink = Meddling({1: lambda: full.enter_context(no_file_above(PART_OF_A_MODEL)), 3: full.close})
        result = train(toy_plan(str(run)), sink)
    assert result.status == "finished"
    assert "checkpoint of epoch 2 not written, training goes on" in caplog.text
    assert models(run) == ["model_000004.pt", "model_000005.pt"]
    load_file(run / "model_000004.pt")


def test_a_full_disk_stops_the_run_where_that_is_wanted_and_it_goes_on_later(tmp_path: Path) -> None:
    run = tmp_path / "run"
    plan = toy_plan(str(run), checkpoint_on_failure="stop")
    with ExitStack() as full:
        sink = Meddling({3: lambda: full.enter_context(no_file_above(PART_OF_A_MODEL))})
        with pytest.raises(NotWrittenError, match=r"model_000002\.pt\. What was trained since is lost"):
            train(plan, sink)
    assert [record.epoch for record in sink.records] == [1, 2, 3, 4]
    assert models(run) == ["model_000002.pt"] and not list(run.glob("*.tmp"))
    saved = read_saved(plan)
    assert saved is not None and saved.progress.epoch == 2
    assert train(plan, MemorySink()).epochs == 5


def test_a_run_whose_last_checkpoint_fails_does_not_end_well(tmp_path: Path) -> None:
    with ExitStack() as full:
        sink = Meddling({1: lambda: full.enter_context(no_file_above(PART_OF_A_MODEL))})
        with pytest.raises(NotWrittenError, match="Newest checkpoint: none"):
            train(toy_plan(str(tmp_path / "run")), sink)


def test_a_deleted_folder_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = tmp_path / "run"
    assert train(toy_plan(str(run)), Meddling({3: lambda: shutil.rmtree(run)})).status == "finished"
    assert "the older ones are gone: folder deleted" in caplog.text


def test_a_model_that_a_kill_left_half_written_is_written_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    plan = toy_plan(str(run))
    run.mkdir()
    (run / "model_000004.pt").write_bytes(b"half")
    train(plan, MemorySink())
    assert isinstance(load_file(run / "model_000004.pt"), dict)


def test_a_model_is_named_by_its_run_and_version(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(toy_plan(str(run)), MemorySink())
    remote = "memory://puffer-models/run"
    uris.put(run, remote)
    for place in (str(run), f"file://{run}", remote):
        assert resolve_model(f"{place}:v4") == uris.join(place, "model_000004.pt")
        for newest in (place, f"{place}:latest"):
            assert resolve_model(newest) == uris.join(place, "model_000005.pt")
        assert resolve_model(uris.join(place, "model_000002.pt")) == uris.join(place, "model_000002.pt")
        weights = load_file(resolve_model(f"{place}:v4"))
        assert torch.equal(weights["actor.bias"], load_file(run / "model_000004.pt")["actor.bias"])
        with pytest.raises(UserError, match="no version v3; the nearest is v2"):
            resolve_model(f"{place}:v3")
    (run / "model_000006.pt").write_bytes(b"half")  # a kill: the run itself does not know of it
    assert resolve_model(run) == str(run / "model_000005.pt")
    uris.remove(remote)

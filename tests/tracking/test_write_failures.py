"""Nothing that cannot be written passes in silence, and nothing of it is half-written."""

import errno
import logging
from pathlib import Path

import pytest

from metta_puffer.errors import UserError
from metta_puffer.tracking.jsonl import JsonlSink, read_records
from metta_puffer.tracking.multi import MultiSink
from metta_puffer.tracking.schema import MetricRecord
from metta_puffer.tracking.write_failures import NotWrittenError, OnFailure, WriteFailures
from tests.native.toys import ListSink
from tests.small_disk import no_file_above


def record(epoch: int) -> MetricRecord:
    return MetricRecord(epoch, 100 * epoch, 10 * epoch, 4 * epoch, 0.5 * epoch, {"score": 0.0})


def fail() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("rule", "said"), [("continue", "training goes on"), ("stop", "training stops")])
def test_a_failure_is_reported_once_and_its_end_too(
    rule: OnFailure, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    failures = WriteFailures(rule)
    for epoch in (1, 2):
        with failures.noted("metrics", f"of epoch {epoch}"):
            fail()
    assert failures.stop == (rule == "stop")
    assert caplog.text.count("metrics of epoch") == 1
    assert said in caplog.text and "No space left on device" in caplog.text
    with caplog.at_level(logging.WARNING), failures.noted("metrics", "of epoch 3"):
        pass
    assert "metrics of epoch 3 written again" in caplog.text


def test_what_is_no_failed_write_is_raised() -> None:
    with pytest.raises(ZeroDivisionError), WriteFailures("continue").noted("metrics", "of epoch 1"):
        _ = 1 / 0


def test_a_run_whose_end_is_not_saved_does_not_end_well() -> None:
    failures = WriteFailures("continue")
    with failures.noted("checkpoint", "of epoch 1"):
        raise UserError("no network", file="s3://a", remedy="plug it in")
    failures.check_end(saved=True, newest="v1")  # it was saved later
    with pytest.raises(NotWrittenError, match=r"no network.*Newest checkpoint: v1\. What was trained since is lost"):
        failures.check_end(saved=False, newest="v1")


def test_records_that_a_full_disk_refused_follow_when_there_is_room(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "metrics.jsonl")
    sink.log(record(1))
    room = sink.path.stat().st_size + 10  # ten bytes of the next record fit
    with no_file_above(room):
        for epoch in (2, 3):
            with pytest.raises(OSError, match="File too large"):
                sink.log(record(epoch))
        assert read_records(sink.path) == [record(1)] and sink.path.stat().st_size == room
    sink.log(record(4))
    sink.close()
    assert read_records(sink.path) == [record(epoch) for epoch in (1, 2, 3, 4)]


def test_records_that_never_find_room_are_missed_at_the_end(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "metrics.jsonl")
    with no_file_above(0):
        with pytest.raises(OSError, match="File too large"):
            sink.log(record(1))
        with pytest.raises(NotWrittenError, match="the last 1 records are lost"):
            sink.close()


def test_a_deleted_file_is_reported_and_begun_again(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "run" / "metrics.jsonl")
    sink.log(record(1))
    sink.path.unlink()
    sink.path.parent.rmdir()
    with pytest.raises(FileNotFoundError, match="the records before this one are gone"):
        sink.log(record(2))
    sink.log(record(3))
    sink.close()
    assert read_records(sink.path) == [record(2), record(3)]


def test_one_failing_sink_leaves_the_others_their_records(tmp_path: Path) -> None:
    class Failing(ListSink):
        def log(self, record: MetricRecord) -> None:
            fail()

    kept = ListSink()
    with pytest.raises(OSError, match="No space left"):
        MultiSink(Failing(), kept).log(record(1))
    assert kept.records == [record(1)]

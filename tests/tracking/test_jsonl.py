"""A run's metrics file survives being killed at any byte and being resumed from an older checkpoint."""

import math

import pytest

from metta_puffer.errors import UserError
from metta_puffer.tracking.jsonl import JsonlSink, read_records
from metta_puffer.tracking.schema import MetricRecord


def record(epoch: int, score: float = 0.0) -> MetricRecord:
    return MetricRecord(epoch, 100 * epoch, 10 * epoch, 4 * epoch, 0.5 * epoch, {"score": score})


def test_what_was_logged_is_read_back(tmp_path):
    with JsonlSink(tmp_path / "deep" / "metrics.jsonl") as sink:
        for epoch in (1, 2, 3):
            sink.log(record(epoch, epoch / 3))
    assert read_records(tmp_path / "deep" / "metrics.jsonl") == [record(epoch, epoch / 3) for epoch in (1, 2, 3)]


def test_a_record_is_on_disk_when_log_returns(tmp_path):
    sink = JsonlSink(tmp_path / "metrics.jsonl")
    sink.log(record(1))
    assert read_records(sink.path) == [record(1)]
    sink.close()


def test_not_a_number_survives(tmp_path):
    with JsonlSink(tmp_path / "metrics.jsonl") as sink:
        sink.log(record(1, math.nan))
        sink.log(record(2, math.inf))
    first, second = read_records(sink.path)
    assert math.isnan(first.values["score"]) and second.values["score"] == math.inf


def test_cut_at_every_byte_only_the_torn_record_is_lost(tmp_path):
    with JsonlSink(tmp_path / "whole.jsonl") as sink:
        for epoch in (1, 2):
            sink.log(record(epoch))
    content = sink.path.read_bytes()
    for cut in range(len(content) + 1):
        path = tmp_path / f"cut{cut}.jsonl"
        path.write_bytes(content[:cut])
        whole = content[:cut].count(b"\n")
        assert read_records(path) == [record(epoch) for epoch in (1, 2)][:whole]
        with JsonlSink(path) as resumed:
            resumed.log(record(9))
        assert read_records(path) == [*[record(epoch) for epoch in (1, 2)][:whole], record(9)]


def test_a_resumed_run_replaces_what_it_logs_again(tmp_path):
    with JsonlSink(tmp_path / "metrics.jsonl") as sink:
        for epoch in (1, 2, 3, 4):
            sink.log(record(epoch, score=1))
        for epoch in (3, 5):  # resumed from the checkpoint of epoch 2
            sink.log(record(epoch, score=2))
    assert read_records(sink.path) == [record(1, 1), record(2, 1), record(3, 2), record(5, 2)]


def test_a_missing_file_holds_no_records(tmp_path):
    assert read_records(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"epoch": 1}', "[1]"])
def test_a_broken_line_is_named(tmp_path, line):
    with JsonlSink(tmp_path / "metrics.jsonl") as sink:
        sink.log(record(1))
    with sink.path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl:2"):
        read_records(sink.path)


def test_an_unwritable_place_is_the_users_to_mend(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Remedy"):
        JsonlSink(tmp_path / "file" / "metrics.jsonl")

"""Every sink gets every record, and every sink is closed."""

import pytest

from metta_puffer.tracking.multi import MultiSink
from metta_puffer.tracking.schema import MetricRecord


class Recording:
    def __init__(self, *, fails: bool = False) -> None:
        self.records: list[MetricRecord] = []
        self.closed, self.fails = False, fails

    def log(self, record: MetricRecord) -> None:
        self.records.append(record)

    def close(self) -> None:
        self.closed = True
        if self.fails:
            raise OSError("disk full")


def test_all_sinks_log_and_close_even_when_one_fails():
    first, second = Recording(fails=True), Recording()
    sink = MultiSink(first, second)
    moment = MetricRecord(1, 2, 3, 4, 5.0, {"score": 6.0})
    sink.log(moment)
    assert first.records == second.records == [moment]
    with pytest.raises(OSError, match="disk full"):
        sink.close()
    assert first.closed and second.closed

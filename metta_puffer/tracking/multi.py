"""Several sinks behind one."""

from collections.abc import Callable

from metta_puffer.tracking.schema import MetricRecord, MetricSink


class MultiSink:
    """Logs to every sink in turn and closes all of them, even when one fails; then raises the first failure."""

    def __init__(self, *sinks: MetricSink) -> None:
        self._sinks = sinks

    def log(self, record: MetricRecord) -> None:
        self._each(lambda sink: sink.log(record))

    def close(self) -> None:
        self._each(lambda sink: sink.close())

    def _each(self, call: Callable[[MetricSink], None]) -> None:
        failures: list[Exception] = []
        for sink in self._sinks:
            try:
                call(sink)
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

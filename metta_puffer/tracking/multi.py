"""Several sinks behind one."""

from metta_puffer.tracking.schema import MetricRecord, MetricSink


class MultiSink:
    """Logs to every sink in turn; closes all of them even when one fails, then raises the first failure."""

    def __init__(self, *sinks: MetricSink) -> None:
        self._sinks = sinks

    def log(self, record: MetricRecord) -> None:
        for sink in self._sinks:
            sink.log(record)

    def close(self) -> None:
        failures: list[Exception] = []
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

"""Ctrl-C finishes the round and saves; a second one stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupts:
    """Whether someone asked the run to stop."""

    def __init__(self) -> None:
        self.asked = False

    def _note(self, signum: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Notes SIGINT and SIGTERM instead of dying of them. Outside the main thread signals are left alone."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts._note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

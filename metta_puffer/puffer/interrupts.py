"""Ctrl-C finishes the round and saves; a second one stops at once."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# One press of Ctrl-C can arrive several times: from the terminal, and from a launcher (torchrun) that passes it on.
ONE_PRESS_SECONDS = 1.0


class Interrupts:
    """Whether someone asked the run to stop."""

    def __init__(self) -> None:
        self.asked = False
        self._first = 0.0

    def note(self, signum: int, frame: object = None) -> None:
        now = time.monotonic()
        if not self.asked:
            self.asked, self._first = True, now
        elif signum == signal.SIGINT and now - self._first > ONE_PRESS_SECONDS:
            raise KeyboardInterrupt


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Notes SIGINT and SIGTERM instead of dying of them. Outside the main thread signals are left alone."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

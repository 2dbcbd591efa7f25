"""One press of Ctrl-C asks to stop; a later one stops at once."""

import signal

import pytest

from metta_puffer.puffer import interrupts
from metta_puffer.puffer.interrupts import Interrupts


def test_repeats_of_one_press_ask_once_and_a_later_press_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: now)
    asked = Interrupts()
    asked.note(signal.SIGINT)
    asked.note(signal.SIGTERM)
    asked.note(signal.SIGINT)
    assert asked.asked
    now += 2
    asked.note(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        asked.note(signal.SIGINT)

"""What becomes of a run that can no longer write: a full disk, a folder that is gone or read-only, no network."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from metta_puffer.errors import UserError

OnFailure = Literal["continue", "stop"]

log = logging.getLogger(__name__)


class NotWrittenError(RuntimeError):
    """The run ended, and something of it is not on disk: as configured, or because the last checkpoint failed."""


class WriteFailures:
    """Reports what could not be written and, where `rule` is "stop", asks for the run's end by `stop`."""

    def __init__(self, rule: OnFailure) -> None:
        self.rule = rule
        self.stop = False
        self._last: dict[str, str] = {}

    @contextmanager
    def noted(self, what: str, when: str) -> Iterator[None]:
        """Within it OSError and UserError end the block and go no further. The same failure is reported once a row."""
        try:
            yield
        except (OSError, UserError) as error:
            reason = f"{error.file}: {error.message}" if isinstance(error, UserError) else str(error)
            if self._last.get(what) != reason:
                log.error("%s %s not written, training %s: %s", what, when, self._consequence, reason)
            self._last[what] = reason
            self.stop = self.stop or self.rule == "stop"
        else:
            if self._last.pop(what, None) is not None:
                log.warning("%s %s written again", what, when)

    @property
    def _consequence(self) -> str:
        return "stops" if self.rule == "stop" else "goes on"

    def check_end(self, *, saved: bool, newest: str | None) -> None:
        """Raises NotWrittenError where the run ended for a failure, or its end (not `saved`) is in no checkpoint."""
        if saved and not self.stop:
            return
        reasons = "; ".join(f"{what}: {reason}" for what, reason in self._last.items()) or "a write failed"
        lost = "" if saved else " What was trained since is lost."
        raise NotWrittenError(
            f"stopped, because not everything could be written ({reasons}). Newest checkpoint: {newest or 'none'}."
            f"{lost} Make room or mend the folder, then resume"
        )

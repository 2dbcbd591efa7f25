"""Errors that are the user's to mend: shown as one message without a traceback, exit status 2."""

from collections.abc import Iterable
from difflib import get_close_matches

EXIT_UNUSABLE_INPUT = 2


class UserError(Exception):
    """Unusable input. The message names what is wrong and `remedy` what to do about it.

    `file` (with `line` when known), `key` and `value` say where it stands; each may be None where it does not apply.
    """

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        value: object | None = None,
    ) -> None:
        self.message, self.remedy = message, remedy
        self.file, self.line, self.key, self.value = file, line, key, value
        super().__init__(str(self))

    def __str__(self) -> str:
        place = ""
        if self.file is not None:
            place = self.file + (f":{self.line}" if self.line is not None else "") + ": "
        setting = ""
        if self.key is not None:
            setting = self.key + (f" = {self.value!r}" if self.value is not None else "") + ": "
        return f"{place}{setting}{self.message}\n  Remedy: {self.remedy}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean X?' for the nearest known name, or '' when nothing is near."""
    nearest = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""

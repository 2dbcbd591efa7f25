"""Everything that makes a run impossible, collected and raised once."""

from dataclasses import dataclass
from typing import Any

from metta_puffer.config.settings import Source
from metta_puffer.errors import UserError

LONGEST = 80  # characters of a value that a message repeats


@dataclass(frozen=True)
class Problem:
    message: str
    remedy: str
    key: str | None = None
    value: Any = None
    source: Source | None = None
    quotes: str | None = None  # the error that the upstream trainer itself would raise
    finding: str = "unusable"  # under which name docs/findings.md explains it

    def error(self) -> UserError:
        source = self.source
        return UserError(
            self.message + (f" (the trainer itself would say: {self.quotes})" if self.quotes else ""),
            remedy=self.remedy,
            file=source.place if source else None,
            line=source.line if source else None,
            key=self.key,
            value=_short(self.value),
        )


def _short(value: Any) -> Any:
    """A number of thousands of digits would hide the message."""
    text = str(value)
    return f"{text[:LONGEST]}..." if len(text) > LONGEST else value


class ManyProblems(UserError):
    """Several mistakes at once: each with its place and remedy, so that one edit mends them all."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} settings make this run impossible", remedy="see each of them")

    def __str__(self) -> str:
        return f"{self.message}:\n" + "\n".join(str(problem.error()) for problem in self.problems)


def raise_any(problems: list[Problem]) -> None:
    """Raises UserError when there is a problem, naming all of them."""
    if len(problems) == 1:
        raise problems[0].error()
    if problems:
        raise ManyProblems(problems)

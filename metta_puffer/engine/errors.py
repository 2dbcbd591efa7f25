"""Errors of the engines."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class UnsupportedGame(Exception):
    """The chosen engine does not run a feature of this game.

    `path` is where the feature stands in the config (`game.events.storm.fallback`), `reason` what the engine lacks.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class WorldFailure(NamedTuple):
    """Why a world stopped. `env_step` and `agent` (whose turn it was) are None where they are not known."""

    world: int
    env_step: int | None
    agent: int | None
    message: str

    def __str__(self) -> str:
        place = f"world {self.world}"
        if self.env_step is not None:
            place += f", env step {self.env_step}"
        if self.agent is not None:
            place += f", agent {self.agent}"
        return f"{place}: {self.message}"


class WorldError(RuntimeError):
    """Worlds of a batch stopped at an error; all others have taken the step.

    `failures` has a WorldFailure for each, in the order of the worlds, and `worlds` their indices. They stand still
    until their next `begin_episode`.
    """

    def __init__(self, failures: Iterable[WorldFailure]) -> None:
        self.failures = tuple(sorted(failures, key=lambda failure: failure.world))
        self.worlds = tuple(failure.world for failure in self.failures)
        lines = [str(failure) for failure in self.failures]
        super().__init__("\n".join([*lines, "The other worlds go on; begin a new episode in these."]))

    def __reduce__(self) -> tuple[Any, ...]:
        return WorldError, (self.failures,)  # worker processes send it home

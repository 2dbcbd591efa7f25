"""Errors of the engines."""


class UnsupportedGame(Exception):
    """The chosen engine does not run a feature of this game.

    `path` is where the feature stands in the config (`game.events.storm.fallback`), `reason` what the engine lacks.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")

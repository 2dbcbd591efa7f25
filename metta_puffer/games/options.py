"""What the options of every game have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mettagrid.config.mettagrid_config import MettaGridConfig
from pydantic import BaseModel, ConfigDict, ValidationError

from metta_puffer.errors import UserError, did_you_mean


class GameOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Options = TypeVar("Options", bound=GameOptions)


@dataclass(frozen=True)
class Game(Generic[Options]):
    """A named game: what a user can set, and how its config is made from that."""

    options: type[Options]
    default_agents: int
    build: Callable[[int, Options], MettaGridConfig]

    def make(self, num_agents: int | None, options: dict[str, Any]) -> MettaGridConfig:
        """UserError for an unknown option, a value of the wrong type or range, or sizes that do not fit."""
        known = list(self.options.model_fields)
        for name, value in options.items():
            if name not in known:
                raise UserError(
                    f"the game has no such option.{did_you_mean(name, known)}",
                    key=name,
                    value=value,
                    remedy=f"use one of {', '.join(known)}",
                )
        try:
            parsed = self.options(**options)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            raise UserError(
                first["msg"], key=name, value=first["input"], remedy="give the option a value of that kind and range"
            ) from error
        return self.build(self.default_agents if num_agents is None else num_agents, parsed)

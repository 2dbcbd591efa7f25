"""What the options of every game have in common."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
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
    default_agents: int  # a world
    max_agents: int  # a world
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
            name, value = str(first["loc"][0]), first["input"]
            choices = re.findall(r"'([^']*)'", first["msg"]) if first["type"] == "literal_error" else []
            raise UserError(
                f"{first['msg']}.{did_you_mean(str(value), choices)}",
                key=name,
                value=value,
                remedy="give the option a value of that kind and range",
            ) from error
        if num_agents is None:
            num_agents = self.default_agents
        check_whole_number("num_agents", num_agents, 1, self.max_agents)
        return self.build(num_agents, parsed)


def check_whole_number(name: str, value: object, lowest: int, highest: int | None = None) -> None:
    """UserError unless `value` is a whole number from `lowest` to `highest` (None: no upper end)."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if whole and lowest <= int(value) and (highest is None or int(value) <= highest):  # type: ignore[call-overload]
        return
    choices = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
    raise UserError("this is not a whole number in range", key=name, value=value, remedy=f"choose {choices}")

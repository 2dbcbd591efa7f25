"""The engines' names. Imports nothing, so that configuration and engine both can say them."""

from typing import Literal

EngineName = Literal["native", "published"]
ENGINES: tuple[EngineName, ...] = ("native", "published")
DEFAULT_ENGINE: EngineName = "native"

"""The trainer section of a native configuration, made from keyword arguments."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from metta_puffer.config.loading import CONFIGS, load_native
from metta_puffer.config.native_model import Trainer

DictConfig = dict  # settings by name; omegaconf's own, or any other mapping, does as well


class TrainerConfig(Trainer):
    """The keys of `trainer:` in configs/native/metta.yaml, which also holds their defaults; sections are mappings.

    `TrainerConfig(batch_size=16384, ppo={"gamma": 0.99}).ppo.gamma`. Counts are in agent-steps. Raises UserError for
    an unknown key, naming the nearest one, and for a value that does not fit.
    """

    def __init__(self, **settings: Any) -> None:
        overrides = dict(_dotted("trainer", settings))
        loaded = load_native(CONFIGS / "native" / "metta.yaml", overrides)
        super().__init__(**loaded.model.trainer.model_dump())


def _dotted(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        inner = value.model_dump() if isinstance(value, BaseModel) else value
        if isinstance(inner, Mapping):
            yield from _dotted(f"{prefix}.{name}", inner)
        else:
            yield f"{prefix}.{name}", inner

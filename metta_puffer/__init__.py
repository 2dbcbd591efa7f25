"""MettaGrid as a PufferLib-native environment, two interchangeable trainers, one honest comparison."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metta_puffer.env import MettaPufferEnv

__version__ = "0.1.0"
__all__ = ["MettaPufferEnv", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazy: `metta-audit` must answer in under a second and so must not import torch or the engine.
    if name == "MettaPufferEnv":
        from metta_puffer.env import MettaPufferEnv

        return MettaPufferEnv
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The zoo: small worlds, at least one for every feature of the config language."""

import importlib
import pkgutil

from tests.parity.zoo.base import WORLDS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["WORLDS"]

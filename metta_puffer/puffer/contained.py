"""PufferLib's trainer module, imported without what its import does to the whole process.

Importing `pufferlib.pufferl` (3.0.23) makes SIGINT exit at once without saving, turns every RuntimeWarning into an
error, and replaces the traceback hook. `pufferl()` imports it once and puts back what was there.
"""

import functools
import importlib
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import torch

from metta_puffer.kernels import AdvantageKernels, ensure_advantage_operator, has_kernel


@functools.cache
def pufferl() -> ModuleType:
    """The module `pufferlib.pufferl`, with an advantage kernel it can train with."""
    with process_state_restored():
        kernels = ensure_advantage_operator()
        with _misleading_warnings_silenced(kernels):
            module = importlib.import_module("pufferlib.pufferl")
    # PuffeRL refuses to train unless its own extension loaded; the operator it calls is there in either case.
    module._C_AVAILABLE = True  # type: ignore[attr-defined]
    module.ADVANTAGE_CUDA = has_kernel("CUDA")  # type: ignore[attr-defined]
    return module


@contextmanager
def process_state_restored() -> Iterator[None]:
    """Leaves SIGINT's handler, the warning filters and the traceback hook as they were before the block."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    on_interrupt = signal.getsignal(signal.SIGINT)
    on_exception = sys.excepthook
    try:
        with warnings.catch_warnings():
            yield
    finally:
        sys.excepthook = on_exception
        if in_main_thread:
            signal.signal(signal.SIGINT, on_interrupt)


@contextmanager
def autocast_restored(device_type: str) -> Iterator[None]:
    """Undoes PuffeRL's autocast, which it enters twice a minibatch and never leaves.

    Left alone, whatever ran after a bfloat16 run in the same process would run under autocast too.
    """
    enabled = torch.is_autocast_enabled(device_type)
    dtype = torch.get_autocast_dtype(device_type)
    try:
        yield
    finally:
        torch.clear_autocast_cache()
        torch.set_autocast_enabled(device_type, enabled)
        torch.set_autocast_dtype(device_type, dtype)


@contextmanager
def _misleading_warnings_silenced(kernels: AdvantageKernels) -> Iterator[None]:
    """Without its extension pufferl promises a PyTorch fallback that it lacks; torch misses a CUDA nobody needs."""
    names = ["torch.utils.cpp_extension"] + (["pufferlib"] if kernels.reason else [])
    before = {name: logging.getLogger(name).disabled for name in names}
    for name in names:
        logging.getLogger(name).disabled = True
    try:
        yield
    finally:
        for name, disabled in before.items():
            logging.getLogger(name).disabled = disabled

"""What importing PufferLib's trainer leaves behind in the process: nothing."""

import signal
import subprocess
import sys
import warnings

import torch

from metta_puffer.puffer.contained import autocast_restored, process_state_restored

SCRIPT = """
import signal, sys, warnings
before = signal.getsignal(signal.SIGINT), sys.excepthook
from metta_puffer.puffer.contained import pufferl
assert pufferl() is pufferl() is sys.modules["pufferlib.pufferl"]
assert (signal.getsignal(signal.SIGINT), sys.excepthook) == before
assert not [f for f in warnings.filters if f[0] == "error"], warnings.filters
warnings.warn("only a warning", RuntimeWarning)
"""


def test_import_leaves_signals_warnings_and_tracebacks_alone() -> None:
    # A process of its own: the import may have happened before in this one.
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "only a warning" in done.stderr


def test_each_of_the_three_is_put_back_even_after_an_error() -> None:
    handler, hook, filters = signal.getsignal(signal.SIGINT), sys.excepthook, list(warnings.filters)
    try:
        with process_state_restored():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sys.excepthook = lambda *_: None
            warnings.filterwarnings("error", category=RuntimeWarning)
            raise KeyError
    except KeyError:
        pass
    assert (signal.getsignal(signal.SIGINT), sys.excepthook, warnings.filters) == (handler, hook, filters)


def test_autocast_that_was_entered_and_never_left_is_undone() -> None:
    with autocast_restored("cpu"):
        torch.amp.autocast("cpu", dtype=torch.bfloat16).__enter__()
        assert torch.is_autocast_enabled("cpu")
    assert not torch.is_autocast_enabled("cpu")
    assert (torch.zeros(2, 2) @ torch.zeros(2, 2)).dtype == torch.float32

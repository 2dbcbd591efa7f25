"""A PuffeRL object built from a plan, and what has to be done to it from outside.

The class is PufferLib's, unmodified; everything here sets attributes that it reads or undoes what it leaves behind.
"""

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import UserError
from metta_puffer.policies import build_policy
from metta_puffer.puffer.checkpoints import load_policy
from metta_puffer.puffer.contained import pufferl
from metta_puffer.puffer.ranks import Ranks
from metta_puffer.puffer.settings import pufferl_config

LOG_GAP_SECONDS = 0.25  # PuffeRL logs a round, and clears its statistics, only when more has passed since the last


class RunLogger:
    """PuffeRL asks its logger for the run's name and hands it logs, which our records replace."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    def log(self, logs: dict[str, Any], step: int) -> None:
        pass

    def close(self, model_path: str) -> None:
        pass


@contextmanager
def open_trainer(plan: RunPlan, vecenv: Any, *, seed: int, ranks: Ranks) -> Iterator[Any]:
    """PuffeRL on `vecenv`, whose worlds start from `seed`. Its monitor thread ends with the block.

    Raises UserError for sizes that PuffeRL refuses and for a device that is too small.
    """
    module = pufferl()
    make_run_dir(plan.run_dir)
    silent = not plan.extra.get("dashboard", False)
    try:
        policy = build_policy(plan.policy, vecenv.driver_env).to(plan.device)
        if (initial := plan.extra.get("load_model_path")) is not None:
            load_policy(policy, initial)
        recurrent = bool(getattr(policy, "recurrent", False))
        config = pufferl_config(plan, recurrent=recurrent, ranks=ranks.count, seed=seed)
        # For the whole run: the constructor adds filters of its own.
        with warnings.catch_warnings():
            # Float32 on the CPU needs no autocast; PuffeRL asks for one all the same.
            warnings.filterwarnings("ignore", message="In CPU autocast", category=UserWarning)
            with _stdout_dropped(silent):
                trainer = module.PuffeRL(config, vecenv, ranks.wrap(policy), RunLogger(Path(plan.run_dir).name))
            if silent:
                trainer.print_dashboard = _show_nothing
            # Its update saves, too, where a full disk would end the run in the middle of a round.
            trainer.save_checkpoint = _save_nothing
            if plan.precision != "float32":
                _keep_autocast_fresh(trainer)
            yield trainer
    except module.pufferlib.APIUsageError as error:
        raise UserError(str(error), remedy="change [train]; metta-audit explains each of its sizes") from error
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"ran out of memory on {plan.device}",
            remedy="lower train.max_minibatch_size, or set train.cpu_offload = True",
        ) from error
    finally:
        # Found by type: when the constructor fails, its thread runs already and would keep the process alive.
        for thread in threading.enumerate():
            if isinstance(thread, module.Utilization):
                thread.stop()


def make_run_dir(run_dir: str) -> None:
    """Raises UserError when the folder cannot be made or written: before any work, not at the first checkpoint."""
    try:
        os.makedirs(run_dir, exist_ok=True)
        probe = Path(run_dir) / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror})", file=run_dir, remedy="choose a folder that you may write to"
        ) from error


def log_this_round(trainer: Any) -> None:
    """Lets the coming train() take its losses and clear its statistics, however short the round is."""
    trainer.last_log_time = min(trainer.last_log_time, time.time() - 2 * LOG_GAP_SECONDS)


@contextmanager
def _stdout_dropped(wanted: bool) -> Iterator[None]:
    """PuffeRL draws its dashboard once before anyone can ask it not to."""
    if not wanted:
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _show_nothing(*args: Any, **kwargs: Any) -> None:
    pass


def _save_nothing() -> None:
    pass


def _keep_autocast_fresh(trainer: Any) -> None:
    """Without this a reduced-precision PuffeRL trains its first minibatch only.

    It never leaves its autocast context, so autocast's cache of converted weights is never dropped: later forward
    passes would read the weights as they were before the first optimizer step.
    """
    trainer.optimizer.register_step_post_hook(lambda *_: torch.clear_autocast_cache())

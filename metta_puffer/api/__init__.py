"""Training as a library: the parts of the native trainer under the names of Metta's library, for loops of one's own.

`docs/api.md` says what each name is and where it differs from Metta's; `examples/api_quickstart.py` is a whole run.
"""

from metta_puffer.api.agent import Agent
from metta_puffer.api.environment import Environment
from metta_puffer.api.experience import Experience, Minibatch
from metta_puffer.api.kickstarter import Kickstarter
from metta_puffer.api.optimizer import Optimizer
from metta_puffer.api.policy_store import PolicyRecord, PolicyStore
from metta_puffer.api.run_directories import RunDirectories, save_experiment_config, setup_run_directories
from metta_puffer.api.trainer_config import DictConfig, TrainerConfig
from metta_puffer.api.training import (
    Losses,
    accumulate_rollout_stats,
    calculate_anneal_beta,
    compute_advantage,
    perform_rollout_step,
    process_minibatch_update,
)
from metta_puffer.native.stopwatch import Stopwatch

__all__ = [
    "Agent",
    "DictConfig",
    "Environment",
    "Experience",
    "Kickstarter",
    "Losses",
    "Minibatch",
    "Optimizer",
    "PolicyRecord",
    "PolicyStore",
    "RunDirectories",
    "Stopwatch",
    "TrainerConfig",
    "accumulate_rollout_stats",
    "calculate_anneal_beta",
    "compute_advantage",
    "perform_rollout_step",
    "process_minibatch_update",
    "save_experiment_config",
    "setup_run_directories",
]

"""The sizes of one round-and-update of a run, and what would stop it."""

from dataclasses import dataclass, field
from typing import Any

from metta_puffer.config import arithmetic as a
from metta_puffer.config.problems import Problem
from metta_puffer.config.settings import Loaded


@dataclass
class Checks:
    """Collects while sizes are computed: `problems` stop the run, `notes` only want to be known."""

    loaded: Loaded[Any]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, finding: str, key: str, message: str, remedy: str, quotes: str | None = None) -> None:
        """`finding` names its explanation; `quotes` is the error that the upstream trainer itself would raise."""
        source = self.loaded.source(key)
        self.problems.append(Problem(message, remedy, key, self.loaded.value(key), source, quotes, finding))


@dataclass
class Sizes:
    """Every size of one round. `problems` stop the run, `notes` only want to be known."""

    agents_per_env: int
    worlds_per_env: int
    envs: int
    workers: int
    envs_per_forward: int
    batch_size: int
    minibatch_size: int  # of one forward and backward pass
    bptt_horizon: int
    segments: int
    minibatch_segments: int
    num_minibatches: int
    accumulate: int
    update_epochs: int
    collected: int  # agent-steps of one round
    total_timesteps: int
    ranks: int = 1  # processes that train together; every size above is of one of them
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total_agents(self) -> int:
        return a.total_agents(self.envs, self.agents_per_env)

    @property
    def agents_per_forward(self) -> int:
        return a.total_agents(self.envs_per_forward, self.agents_per_env)

    @property
    def groups(self) -> int:
        return a.groups(self.envs, self.envs_per_forward)

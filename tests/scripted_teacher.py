"""Scripted policies by whose path an environment finds its supervisor."""

from typing import Any

import numpy as np
from mettagrid.policy.policy import MultiAgentPolicy


class Counting(MultiAgentPolicy):
    """Recommends to each agent the number of observations of this episode that it has been shown, this one included."""

    def __init__(self, policy_env_info: Any, device: str = "cpu") -> None:
        super().__init__(policy_env_info, device=device)
        self.seen = 0

    def agent_policy(self, agent_id: int) -> Any:
        raise AssertionError("worlds are asked as a whole")

    def step_batch(self, raw_observations: np.ndarray, raw_actions: np.ndarray) -> None:
        assert raw_observations.shape[0] == raw_actions.shape[0] == self.policy_env_info.num_agents
        self.seen += 1
        raw_actions[:] = self.seen


class Mute(MultiAgentPolicy):
    """Has no step_batch."""

    def agent_policy(self, agent_id: int) -> Any:
        raise AssertionError("never asked")

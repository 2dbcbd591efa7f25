"""A PufferEnv small enough to train in a second: agents are paid for repeating the digit they see."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pufferlib
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from metta_puffer.config.plan import RunPlan
from metta_puffer.puffer import trainer, vecenv
from metta_puffer.tracking.schema import MetricRecord

DIGITS = 4
EPISODE_LENGTH = 7


class ToyEnv(pufferlib.PufferEnv):
    def __init__(self, num_agents: int = 4, buf: dict[str, Any] | None = None, seed: int = 0) -> None:
        self.single_observation_space = Box(0, 1, (DIGITS,), np.uint8)
        self.single_action_space = Discrete(DIGITS)
        self.num_agents = num_agents
        super().__init__(buf)
        self.agents_per_batch = num_agents
        self.random = np.random.default_rng(seed)

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, list[dict[str, float]]]:
        self.random = np.random.default_rng(seed)
        self.clock = 0
        self.returns = np.zeros(self.num_agents)
        self._show()
        return self.observations, []

    def _show(self) -> None:
        self.digits = self.random.integers(DIGITS, size=self.num_agents)
        self.observations[:] = np.eye(DIGITS, dtype=np.uint8)[self.digits]

    def step(self, actions: np.ndarray) -> tuple[Any, ...]:
        self.clock += 1
        self.rewards[:] = np.asarray(actions) == self.digits
        self.returns += self.rewards
        self.terminals[:] = done = self.clock == EPISODE_LENGTH
        infos = []
        if done:
            infos = [{"episode_return": float(self.returns.mean()), "agent": {"right": float(self.returns.sum())}}]
            self.clock, self.returns[:] = 0, 0
        self._show()
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def close(self) -> None:
        pass


class ToyPolicy(torch.nn.Module):
    """One layer; feed-forward, so that PuffeRL needs no state."""

    def __init__(self) -> None:
        super().__init__()
        self.actor, self.critic = torch.nn.Linear(DIGITS, DIGITS), torch.nn.Linear(DIGITS, 1)

    def forward_eval(self, observations: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.actor(observations.float()), self.critic(observations.float())

    forward = forward_eval


def pufferl_config(**changes: Any) -> dict[str, Any]:
    """Everything PuffeRL reads, for one environment of 4 agents."""
    config: dict[str, Any] = {
        "env": "toy", "seed": 1, "torch_deterministic": True, "cpu_offload": False, "device": "cpu",
        "precision": "float32", "use_rnn": False, "compile": False, "compile_mode": "default",
        "compile_fullgraph": True, "optimizer": "adam", "anneal_lr": True, "learning_rate": 0.01,
        "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_eps": 1e-8, "gamma": 0.9, "gae_lambda": 0.9,
        "update_epochs": 2, "clip_coef": 0.2, "vf_coef": 0.5, "vf_clip_coef": 0.2, "max_grad_norm": 0.5,
        "ent_coef": 0.01, "vtrace_rho_clip": 1.0, "vtrace_c_clip": 1.0, "prio_alpha": 0.0, "prio_beta0": 0.6,
        "batch_size": 64, "minibatch_size": 32, "max_minibatch_size": 32, "bptt_horizon": 16,
        "total_timesteps": 640, "data_dir": "experiments", "checkpoint_interval": 1000,
    }  # fmt: skip
    return config | changes


def one_pufferl_update(**changes: Any) -> dict[str, dict[str, torch.Tensor]]:
    """Parameters before and after one evaluate() and train() of the unmodified PuffeRL."""
    from metta_puffer.puffer.contained import pufferl

    module = pufferl()
    torch.manual_seed(0)
    policy = ToyPolicy()
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    trainer = module.PuffeRL(pufferl_config(**changes), ToyEnv(), policy)
    try:
        trainer.evaluate()
        trainer.train()
    finally:
        trainer.utilization.stop()
    return {"before": before, "after": policy.state_dict()}


def toy_plan(run_dir: str, *, env: dict[str, Any] | None = None, **changes: Any) -> RunPlan:
    """8 agents in 2 worlds, 128 agent-steps and 4 optimizer steps a round, 5 rounds."""
    settings: dict[str, Any] = {
        "trainer": "puffer",
        "env": {
            "game": "toy", "agents_per_env": 4, "envs": 2, "workers": 1, "envs_per_forward": 2, "backend": "Serial",
            **(env or {}),
        },
        "batch": {
            "batch_size": 128, "minibatch_size": 32, "bptt_horizon": 16, "segments": 8, "minibatch_segments": 2,
            "num_minibatches": 4, "accumulate_minibatches": 1, "update_epochs": 1, "gradient_updates_per_epoch": 4,
            "agent_steps_collected_per_epoch": 128, "total_timesteps": 640, "total_epochs": 5,
        },
        "optimizer": {
            "type": "adam", "learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
            "learning_rate_schedule": "cosine",
        },
        "loss": {
            "gamma": 0.9, "gae_lambda": 0.9, "clip_coef": 0.2, "vf_clip_coef": 0.2, "vf_coef": 0.5, "ent_coef": 0.01,
            "max_grad_norm": 0.5,
        },
        "rules": {
            "reward_clamp": 1.0, "row_policy": "exact", "sampling": "multinomial", "advantage_refresh": "minibatch",
            "actor_advantage": "cached", "truncation": "ignore", "rollout_state": "reset",
            "reset_state_on_done": False,
        },
        "policy": {"name": "toy"},
        "seed": 1, "device": "cpu", "run_dir": run_dir, "checkpoint_interval_epochs": 2,
    }  # fmt: skip
    return RunPlan.model_validate(settings | changes)


class MemorySink:
    """Keeps the records; `on_log` is called after each."""

    def __init__(self, on_log: Callable[[MetricRecord], None] = lambda record: None) -> None:
        self.records: list[MetricRecord] = []
        self.on_log = on_log

    def log(self, record: MetricRecord) -> None:
        self.records.append(record)
        self.on_log(record)

    def close(self) -> None:
        pass


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainers build the toy environment and policy instead of Metta's."""

    def make_env(plan: Any, first_world: int = 0, **kwargs: Any) -> ToyEnv:
        return ToyEnv(plan.agents_per_env, **kwargs)

    monkeypatch.setattr(vecenv, "make_env", make_env)
    monkeypatch.setattr(trainer, "build_policy", lambda plan, env: ToyPolicy())

"""Tiny environments with a known optimum, and a plan to train on them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pufferlib

from metta_puffer.config.plan import (
    BatchPlan,
    EnvPlan,
    LossPlan,
    OptimizerPlan,
    PolicyPlan,
    RulesPlan,
    RunPlan,
)
from metta_puffer.tracking.schema import MetricRecord

WINDOW = 5
CUE = SimpleNamespace(id=0, name="cue", normalization=2.0)


def tiny_game(window: int) -> SimpleNamespace:
    """The face of a MettaGridConfig that policies read, with one feature and a small window: cheap to run."""
    return SimpleNamespace(
        game=SimpleNamespace(
            id_map=lambda: SimpleNamespace(features=lambda: [CUE], tag_names=lambda: []),
            obs=SimpleNamespace(height=window, width=window),
        )
    )


class RecallEnv(pufferlib.PufferEnv):
    """Each agent is shown a cue (0 or 1) in its own cell at the start of an episode and must name it ever after.

    Reward 1 for the right action, 0 for another; `length` env-steps an episode, so a policy that remembers earns
    `length` and a random one half of it. Worlds of `agents_per_world` agents, whose episodes end together. The
    observation that comes with an end is the next episode's first. `truncates` ends episodes by truncation.
    """

    def __init__(
        self,
        num_agents: int,
        seed: int,
        *,
        agents_per_world: int = 4,
        length: int = 4,
        buf: Any = None,
        truncates: bool = False,
        window: int = WINDOW,
    ) -> None:
        self.single_observation_space = gymnasium.spaces.Box(0, 255, (4, 3), np.uint8)
        self.single_action_space = gymnasium.spaces.Discrete(2)
        self.num_agents = num_agents
        self.config = tiny_game(window)
        self._middle = window // 2 << 4 | window // 2
        self.agents_per_batch = num_agents  # what PuffeRL reads of a vectorized environment
        self.length, self.truncates = length, truncates
        self._per_world, self._worlds = agents_per_world, num_agents // agents_per_world
        super().__init__(buf)
        self._seed = seed

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, list[dict[str, Any]]]:
        self._seed = self._seed if seed is None else seed
        self.rewards[:], self.terminals[:], self.truncations[:] = 0, False, False
        self._cue = np.zeros(self.num_agents, np.int64)
        self._time, self._episode = np.zeros(self._worlds, np.int64), np.zeros(self._worlds, np.int64)
        self._return = np.zeros(self.num_agents)
        for world in range(self._worlds):
            self.begin_episode(world, 0)
        return self.observations, []

    def begin_episode(self, world: int, episode: int) -> None:
        rows = slice(world * self._per_world, (world + 1) * self._per_world)
        self._episode[world], self._time[world] = episode, 0
        self._cue[rows] = np.random.default_rng([self._seed + world, episode]).integers(0, 2, self._per_world)
        self._return[rows] = 0
        self._show(rows, self._cue[rows] + 1)

    def _show(self, rows: slice, values: np.ndarray | int) -> None:
        self.observations[rows] = 0xFF
        self.observations[rows, 0, 0] = self._middle
        self.observations[rows, 0, 1] = CUE.id
        self.observations[rows, 0, 2] = values

    def step(self, actions: np.ndarray) -> tuple[Any, ...]:
        self.rewards[:] = np.asarray(actions).reshape(-1) == self._cue
        self._return += self.rewards
        self._time += 1
        ended = self._time == self.length
        flags = np.repeat(ended, self._per_world)
        self.terminals[:], self.truncations[:] = flags & (not self.truncates), flags & self.truncates
        self._show(slice(None), 0)
        infos = []
        for world in np.flatnonzero(ended).tolist():
            rows = slice(world * self._per_world, (world + 1) * self._per_world)
            infos.append({"episode_return": float(self._return[rows].mean()), "episode_length": float(self.length)})
            self.begin_episode(world, int(self._episode[world]) + 1)
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def close(self) -> None:
        pass


def recall_env(plan: EnvPlan, worlds: int, seed: int, buf: Any = None) -> RecallEnv:
    return RecallEnv(plan.agents_per_env * worlds, seed, buf=buf, **plan.game_options)


def toy_plan(run_dir: Path | str, **changes: Any) -> RunPlan:
    """64 agents in two groups, 8 agent-steps a row, four minibatches. `changes` are `section__key=value`."""
    options = {"hidden_size": 16, "conv_channels": 1}
    plan = RunPlan(
        trainer="native",
        env=EnvPlan(game="recall", agents_per_env=4, envs=16, workers=1, envs_per_forward=8, backend="Groups", seed=3),
        batch=BatchPlan(
            batch_size=512,
            minibatch_size=128,
            bptt_horizon=8,
            segments=64,
            minibatch_segments=16,
            num_minibatches=4,
            accumulate_minibatches=1,
            update_epochs=1,
            gradient_updates_per_epoch=4,
            agent_steps_collected_per_epoch=512,
            total_timesteps=512 * 3,
            total_epochs=3,
        ),
        optimizer=OptimizerPlan(type="adam", learning_rate=0.01, beta1=0.9, beta2=0.999, eps=1e-8),
        loss=LossPlan(
            gamma=0.9,
            gae_lambda=0.9,
            clip_coef=0.2,
            vf_clip_coef=0.2,
            vf_coef=0.5,
            ent_coef=0.001,
            max_grad_norm=0.5,
        ),
        rules=RulesPlan(
            reward_clamp=None,
            row_policy="exact",
            sampling="sequential",
            advantage_refresh="round",
            actor_advantage="cached",
            truncation="bootstrap",
            row_end="bootstrap",
            training_state="stored",
            rollout_state="carry",
            reset_state_on_done=True,
        ),
        policy=PolicyPlan(name="small", options=options),
        seed=1,
        device="cpu",
        run_dir=str(run_dir),
        checkpoint_interval_epochs=10,
    )
    sections: dict[str, dict[str, Any]] = {}
    top: dict[str, Any] = {}
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            sections.setdefault(section, {})[name] = value
        else:
            top[key] = value
    for section, values in sections.items():
        top[section] = getattr(plan, section).model_copy(update=values)
    return plan.model_copy(update=top)


class ListSink:
    """Keeps records in memory."""

    def __init__(self) -> None:
        self.records: list[MetricRecord] = []

    def log(self, record: MetricRecord) -> None:
        self.records.append(record)

    def close(self) -> None:
        pass

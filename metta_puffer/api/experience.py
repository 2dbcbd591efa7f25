"""The rollout buffer of a user's own loop, with what fills it and what reads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from metta_puffer.api.agent import Agent
from metta_puffer.api.environment import Environment
from metta_puffer.api.kickstarter import Kickstarter
from metta_puffer.api.plan import batch_plan, run_plan
from metta_puffer.api.trainer_config import TrainerConfig
from metta_puffer.config.native_model import Trainer
from metta_puffer.config.plan import RunPlan
from metta_puffer.config.resolver import loss_plan, rules_plan
from metta_puffer.errors import UserError
from metta_puffer.native import experience as native
from metta_puffer.native.distributed import Ranks
from metta_puffer.native.losses.registry import LossTerms
from metta_puffer.native.losses.term import Context
from metta_puffer.native.optimizers import build_optimizer
from metta_puffer.native.rollout import Collected, Rollout
from metta_puffer.native.stopwatch import Stopwatch
from metta_puffer.native.update import Update


@dataclass(frozen=True)
class Minibatch:
    """Rows of the buffer, and their importance weights [m, 1] where they were drawn at random."""

    rows: Tensor | slice
    weights: Tensor | None


@dataclass(frozen=True)
class _Parts:
    """What exists once it is known who acts in which worlds."""

    agent: Agent
    env: Environment
    plan: RunPlan
    buffer: native.Experience
    rollout: Rollout
    update: Update
    terms: LossTerms


class Experience:
    """Rows of `bptt_horizon` agent-steps of one agent; `batch_size` and `minibatch_size` are in agent-steps.

    The recurrent state has `hidden_size * num_lstm_layers` numbers, which must be the agent's own number; None for an
    agent without memory. A minibatch above `max_minibatch_size` is split, and its gradients averaged by `Optimizer`.
    `trainer_config` gives the rules of the rollout (rewards, truncations, recurrent state; default: Metta's), and
    `kickstarter` the teacher that is asked in it. `seed` is that of the actions and of the choice of rows.

    A rollout begins with the first agent-step after the minibatches of the last one were asked for, or after
    `reset_for_rollout`. Raises UserError for sizes that do not fit each other.
    """

    def __init__(
        self,
        total_agents: int,
        batch_size: int,
        bptt_horizon: int,
        minibatch_size: int,
        *,
        obs_space: Any,
        atn_space: Any,
        device: torch.device | str,
        hidden_size: int | None,
        num_lstm_layers: int = 1,
        max_minibatch_size: int | None = None,
        trainer_config: Trainer | None = None,
        kickstarter: Kickstarter | None = None,
        seed: int = 0,
    ) -> None:
        sizes = {"batch_size": batch_size, "bptt_horizon": bptt_horizon, "minibatch_size": minibatch_size}
        self.trainer_config = (trainer_config or TrainerConfig()).model_copy(update=sizes)
        self.total_agents, self.device, self.kickstarter = total_agents, torch.device(device), kickstarter
        self._spaces = obs_space, atn_space
        self._state_size = None if hidden_size is None else hidden_size * num_lstm_layers
        self._max_minibatch_size, self._seed = max_minibatch_size, seed
        self._parts: _Parts | None = None
        self._collecting: Collected | None = None  # None: the next agent-step begins a rollout
        self._used = False  # minibatches of the full buffer were handed out
        self.agent_steps = 0  # collected so far, all rollouts together
        self.rollouts = 0
        self._check_sizes()

    @property
    def ready_for_training(self) -> bool:
        """Whether the buffer is full and was not trained on yet."""
        return self._parts is not None and self._parts.buffer.ready and not self._used

    @property
    def num_minibatches(self) -> int:
        """Minibatches in one pass over the buffer."""
        batch = self._collected.plan.batch
        return batch.num_minibatches // batch.update_epochs

    @property
    def accumulate_minibatches(self) -> int:
        """Minibatches for one optimizer step: what `Optimizer.step` takes as `accumulate_steps`."""
        return self._collected.plan.batch.accumulate_minibatches

    @property
    def buffer(self) -> native.Experience:
        """The native trainer's buffer, with observations, actions and the rest. RuntimeError before the first step."""
        return self._collected.buffer

    @property
    def values(self) -> Tensor:
        """float32 [rows, T], or [rows, T+1] with `row_end: bootstrap`: the last column is what came after the row."""
        return self.buffer.values[:, : self._columns]

    @property
    def rewards(self) -> Tensor:
        """As `values`. The reward at column t belongs to the action of column t-1."""
        return self.buffer.rewards[:, : self._columns]

    @property
    def dones(self) -> Tensor:
        """As `rewards`: 1 where an episode ended, 0 elsewhere."""
        return self.buffer.dones[:, : self._columns]

    def reset_for_rollout(self) -> None:
        """The next agent-step begins a rollout, whether or not the last one was finished and trained on."""
        self._collecting = None

    def iter_minibatches(self, advantages: Tensor | None = None, prio_beta: float = 1.0) -> Iterator[Minibatch]:
        """One pass over the buffer: each row once and in order, or drawn by `advantages` as the trainer config says.

        `advantages` [rows, columns] as `compute_advantage` gives them; `prio_beta` as `calculate_anneal_beta` does.
        """
        for index in range(self.num_minibatches):
            if advantages is None:
                rows = self._collected.plan.batch.minibatch_segments
                self._used = True
                yield Minibatch(slice(index * rows, (index + 1) * rows), None)
            else:
                yield self._choose(index, advantages, prio_beta, self._collected.plan)

    def sample_minibatch(
        self,
        advantages: Tensor,
        prio_alpha: float,
        prio_beta: float,
        minibatch_idx: int = 0,
        total_minibatches: int = 1,
    ) -> Minibatch:
        """Rows drawn with probability (sum of a row's |advantage|) ** `prio_alpha`, 0 for all alike.

        The last two arguments are taken for compatibility: each draw is independent of the others.
        """
        plan = self._collected.plan
        loss = plan.loss.model_copy(update={"prio_alpha": prio_alpha})
        rules = plan.rules.model_copy(update={"sampling": "multinomial"})
        return self._choose(0, advantages, prio_beta, plan.model_copy(update={"loss": loss, "rules": rules}))

    def _choose(self, index: int, advantages: Tensor, beta: float, plan: RunPlan) -> Minibatch:
        self._used = True
        update = self._collected.update
        update.plan = plan
        return Minibatch(*update.choose_rows(index, advantages[:, : self.buffer.horizon], beta))

    def collect(self, agent: Agent, env: Environment, stopwatch: Stopwatch) -> Collected:
        """One group of `env` acts once. Raises UserError for another agent, environment or device than before."""
        parts = self._parts or self._join(agent, env)
        if agent is not parts.agent or env is not parts.env:
            raise UserError(
                "this buffer was begun with another agent or environment", remedy="make an Experience for each pair"
            )
        if self.ready_for_training:
            raise UserError("the buffer is full", remedy="train on it, or call reset_for_rollout()")
        if self._collecting is None or self._used:
            parts.terms.begin(self.rollouts, self.agent_steps, parts.rollout.plan.losses)
            self._collecting, self._used = parts.rollout.begin(), False
            collected = self._collecting
            self.rollouts += 1
        else:
            collected = Collected()
        parts.rollout.step(collected, stopwatch)
        if parts.buffer.ready:
            parts.rollout.finish(collected, stopwatch)
            parts.buffer.ratios.fill_(1.0)
        self.agent_steps += collected.agent_steps
        return collected

    def update_of(self, agent: Agent, trainer_config: Trainer, kickstarter: Kickstarter | None, step: int) -> Update:
        """The native update, with the loss and rules of `trainer_config`, `step` agent-steps into the run."""
        parts = self._collected
        if agent is not parts.agent:
            raise UserError("this buffer was filled by another agent", remedy="give the agent that collected it")
        if kickstarter is not None and kickstarter.losses and kickstarter != self.kickstarter:
            raise UserError(
                "the teacher was not asked in the rollout",
                key="kickstarter",
                remedy="give the Experience the same kickstarter",
            )
        self.agent_steps = max(self.agent_steps, step)
        changes = {"loss": loss_plan(trainer_config), "rules": rules_plan(trainer_config)}
        parts.update.plan = parts.plan.model_copy(update=changes)
        return parts.update

    @property
    def _collected(self) -> _Parts:
        if self._parts is None:
            raise RuntimeError("nothing was collected yet: call perform_rollout_step first")
        return self._parts

    @property
    def _columns(self) -> int:
        return self.buffer.horizon + (self._collected.plan.rules.row_end == "bootstrap")

    def _check_sizes(self) -> None:
        trainer = self.trainer_config
        horizon = trainer.bptt_horizon
        whole_rows = "agents x bptt_horizon" if trainer.row_policy == "exact" else "bptt_horizon"
        unit = horizon * (self.total_agents if trainer.row_policy == "exact" else 1)
        for key, size, fits, wanted in (
            ("minibatch_size", trainer.minibatch_size, horizon, f"{horizon} (bptt_horizon)"),
            ("batch_size", trainer.batch_size, trainer.minibatch_size, f"{trainer.minibatch_size} (minibatch_size)"),
            ("batch_size", trainer.batch_size, unit, f"{unit} ({whole_rows})"),
        ):
            if size % fits:
                raise UserError("is no whole number of rows", key=key, value=size, remedy=f"use a multiple of {wanted}")
        if trainer.batch_size < horizon * self.total_agents:
            raise UserError(
                "is less than one row for each agent",
                key="batch_size",
                value=trainer.batch_size,
                remedy=f"use at least {horizon * self.total_agents} (agents x bptt_horizon)",
            )

    def _join(self, agent: Agent, env: Environment) -> _Parts:
        self._check(agent, env)
        losses = self.kickstarter.losses if self.kickstarter else ()
        batch = batch_plan(self.trainer_config, env.plan, self._max_minibatch_size)
        plan = run_plan(self.trainer_config, agent, env.plan, batch, losses=losses, seed=self._seed)
        width: Any = agent.policy.get_submodule("actor").in_features
        terms = LossTerms(Context(plan, env.driver_env, width, env.single_action_space.n)).to(self.device)
        space = env.single_observation_space
        buffer = native.Experience(
            batch,
            plan.rules,
            num_groups=env.worlds.num_groups,
            agents_per_group=env.worlds.agents_per_group,
            observation_shape=space.shape,
            observation_dtype=torch.from_numpy(np.zeros(0, space.dtype)).dtype,
            hidden_size=agent.hidden_size,
            device=self.device,
            advice=terms.advice,
        )
        actions, rows = (torch.Generator(self.device).manual_seed(self._seed * 2 + offset) for offset in (0, 1))
        rollout = Rollout(plan, env.worlds, agent.policy, terms=terms, experience=buffer, generator=actions)
        update = Update(
            plan,
            agent.policy,
            terms=terms,
            # Only its minibatch losses are asked for; the steps are those of the user's own Optimizer.
            optimizer=build_optimizer(nn.ModuleDict({"policy": agent.policy}), plan.optimizer),
            generator=rows,
            ranks=Ranks(),
        )
        agent.run_plan = plan
        self._parts = _Parts(agent, env, plan, buffer, rollout, update, terms)
        return self._parts

    def _check(self, agent: Agent, env: Environment) -> None:
        """Raises UserError where the constructor's arguments are not those of this agent and environment."""
        if env.num_agents != self.total_agents:
            raise UserError(
                f"the environment has {env.num_agents} agents",
                key="total_agents",
                value=self.total_agents,
                remedy="give env.num_agents",
            )
        if (env.single_observation_space, env.single_action_space) != self._spaces:
            raise UserError(
                "are not those of the environment",
                key="obs_space, atn_space",
                remedy="give env.single_observation_space and env.single_action_space",
            )
        if agent.hidden_size != self._state_size:
            raise UserError(
                f"the agent remembers by {agent.hidden_size} numbers",
                key="hidden_size * num_lstm_layers",
                value=self._state_size,
                remedy="give hidden_size=agent.hidden_size",
            )
        if agent.device.type != self.device.type:
            raise UserError(f"the agent is on {agent.device}", key="device", value=str(self.device), remedy="use one")

"""Fills the experience buffer: receive a group, run the policy on it, store, send its actions, next group."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from metta_puffer.config.plan import RunPlan
from metta_puffer.native.distribution import sample
from metta_puffer.native.experience import Column, Experience
from metta_puffer.native.stopwatch import Stopwatch
from metta_puffer.native.worlds import Received, WorldGroups


@dataclass
class Collected:
    """One rollout: agent-steps, env-steps, and each statistic of the episodes that ended."""

    agent_steps: int = 0
    env_steps: int = 0
    episodes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add_info(self, info: dict[str, Any]) -> None:
        for key, value in info.items():
            if isinstance(value, int | float):
                self.episodes[key].append(float(value))


class Rollout:
    """Owns what lives from one rollout to the next: recurrent state and the observations not yet acted upon."""

    def __init__(
        self, plan: RunPlan, worlds: WorldGroups, policy: nn.Module, experience: Experience, generator: torch.Generator
    ) -> None:
        self._plan, self._worlds, self._policy, self._experience = plan, worlds, policy, experience
        self._generator = generator
        self._device = torch.device(plan.device)
        self._recurrent = experience.initial_h is not None
        self._worlds_per_group = plan.env.envs_per_forward
        self._held: list[Received] = []  # received at the end of a rollout to value the rows' ends, acted upon next
        self.h: list[Tensor | None] = [None] * worlds.num_groups
        self.c: list[Tensor | None] = [None] * worlds.num_groups
        self._last_values: list[Tensor | None] = [None] * worlds.num_groups
        self._reset_states()

    def _reset_states(self) -> None:
        if self._recurrent:
            shape = self._worlds.agents_per_group, int(self._policy.hidden_size)  # type: ignore[arg-type]
            for group in range(self._worlds.num_groups):
                self.h[group] = torch.zeros(shape, device=self._device)
                self.c[group] = torch.zeros(shape, device=self._device)

    @torch.no_grad()
    def collect(self, stopwatch: Stopwatch) -> Collected:
        """Runs until the buffer is full."""
        experience, collected = self._experience, Collected()
        experience.begin()
        if self._plan.rules.rollout_state == "reset":
            self._reset_states()
        while not experience.ready:
            with stopwatch("environment"):
                received = self._held.pop(0) if self._held else self._recv(collected)
            actions = self._act(received, stopwatch)
            collected.agent_steps += len(actions)
            collected.env_steps += self._worlds_per_group
            with stopwatch("environment"):
                self._worlds.send(received.group, actions.to("cpu", torch.int32).numpy())
        if self._plan.rules.row_end == "bootstrap":
            self._value_row_ends(collected, stopwatch)
        return collected

    def _recv(self, collected: Collected) -> Received:
        received = self._worlds.recv()
        for info in received.infos:
            collected.add_info(info)
        return received

    def _to_device(self, received: Received) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """observations, rewards as the rules want them, terminals, truncations."""
        rewards = torch.from_numpy(received.rewards).to(self._device, torch.float32)
        if self._plan.rules.reward_clamp is not None:
            rewards = rewards.clamp(-self._plan.rules.reward_clamp, self._plan.rules.reward_clamp)
        return (
            torch.from_numpy(received.observations).to(self._device, non_blocking=True),
            rewards,
            torch.from_numpy(received.terminals).to(self._device, torch.float32),
            torch.from_numpy(received.truncations).to(self._device, torch.float32),
        )

    def _act(self, received: Received, stopwatch: Stopwatch) -> Tensor:
        group, rules = received.group, self._plan.rules
        with stopwatch("copy"):
            observations, rewards, terminals, truncations = self._to_device(received)
        h, c, resets = self._state_before(group, terminals, truncations)
        state: dict[str, Any] = {"lstm_h": h, "lstm_c": c}
        with stopwatch("forward"):
            logits, values = self._forward(observations, state)
            actions, logprobs = sample(logits, self._generator)
        values = values.float().flatten()
        dones = terminals
        if rules.truncation == "bootstrap":
            rewards, dones = self._bootstrap(group, rewards, terminals, truncations)
        with stopwatch("copy"):
            column = Column(observations, actions, logprobs, values, rewards, dones, resets)
            self._experience.store(group, column, h, c)
        if self._recurrent:
            self.h[group], self.c[group] = state["lstm_h"], state["lstm_c"]
        self._last_values[group] = values
        return actions

    def _forward(self, observations: Tensor, state: dict[str, Any]) -> tuple[Tensor, Tensor]:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._plan.precision == "bfloat16"):
            return self._policy.forward_eval(observations, state)  # type: ignore[operator]

    def _state_before(
        self, group: int, terminals: Tensor, truncations: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor]:
        """Recurrent state [n, hidden] with which the group reads its observation, and where it was zeroed [n]."""
        h, c = self.h[group], self.c[group]
        if not self._plan.rules.reset_state_on_done:
            return h, c, torch.zeros_like(terminals)
        resets = torch.maximum(terminals, truncations)
        if h is not None and c is not None:
            keep = (1.0 - resets)[:, None]
            h, c = h * keep, c * keep
        return h, c, resets

    def _bootstrap(self, group: int, rewards: Tensor, terminals: Tensor, truncations: Tensor) -> tuple[Tensor, Tensor]:
        """(rewards, dones) such that a truncated episode is cut but worth what it would have gone on to earn.

        The observation that comes with a truncation is the next episode's first, so the value of the last one acted
        upon stands in for that of the one never shown.
        """
        last = self._last_values[group]
        if last is not None:
            rewards = rewards + self._plan.loss.gamma * last * truncations * (1.0 - terminals)
        return rewards, torch.maximum(terminals, truncations)

    def _value_row_ends(self, collected: Collected, stopwatch: Stopwatch) -> None:
        """Receives what followed each group's last action and keeps it for the next rollout to act upon."""
        for _ in range(self._worlds.num_groups):
            with stopwatch("environment"):
                received = self._recv(collected)
            self._held.append(received)
            group = received.group
            observations, rewards, terminals, truncations = self._to_device(received)
            h, c, _ = self._state_before(group, terminals, truncations)
            with stopwatch("forward"):
                _, values = self._forward(observations, {"lstm_h": h, "lstm_c": c})
            dones = terminals
            if self._plan.rules.truncation == "bootstrap":
                rewards, dones = self._bootstrap(group, rewards, terminals, truncations)
            self._experience.store_successor(group, values.float().flatten(), rewards, dones)

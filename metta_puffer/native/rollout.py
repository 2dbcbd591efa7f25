"""Fills the experience buffer: receive a group, run the policy on it, store, send its actions, next group."""

import dataclasses
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from metta_puffer.config.plan import RunPlan
from metta_puffer.native.distribution import evaluate, sample
from metta_puffer.native.experience import Column, Experience
from metta_puffer.native.losses.registry import LossTerms
from metta_puffer.native.losses.term import Moment
from metta_puffer.native.stopwatch import Stopwatch
from metta_puffer.native.transfer import ActionsToHost, to_device
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


@dataclass(frozen=True)
class Arrived:
    """What a group of n agents received, on the policy's device; flags are 0 or 1."""

    group: int
    observations: Tensor  # [n, *observation shape]
    rewards: Tensor  # [n]
    terminals: Tensor  # [n]
    truncations: Tensor  # [n]
    teacher_actions: Tensor | None  # int64 [n]


class Rollout:
    """Owns what lives from one rollout to the next: recurrent state and the observations not yet acted upon.

    `plan` may be replaced between rollouts, for schedules.
    """

    def __init__(
        self,
        plan: RunPlan,
        worlds: WorldGroups,
        policy: nn.Module,
        *,
        terms: LossTerms,
        experience: Experience,
        generator: torch.Generator,
    ) -> None:
        self.plan, self._worlds, self._policy, self._experience = plan, worlds, policy, experience
        self._terms, self._generator = terms, generator
        acting: Any = policy.forward_eval
        # Never as CUDA graphs: the next group's pass would overwrite the recurrent state that this one's has given.
        self._forward_eval = torch.compile(acting) if plan.compile else acting
        self._device = torch.device(plan.device)
        self._recurrent = experience.initial_h is not None
        self._worlds_per_group = plan.env.envs_per_forward
        self._early_infos: list[dict[str, Any]] = []  # of episodes whose end was received before the rollout began
        self._held: list[Arrived] = []  # received at the end of a rollout to value the rows' ends, acted upon next
        self.h: list[Tensor | None] = [None] * worlds.num_groups
        self.c: list[Tensor | None] = [None] * worlds.num_groups
        self._last_values: list[Tensor | None] = [None] * worlds.num_groups
        shape = worlds.num_groups, worlds.agents_per_group
        self.mean_rewards = torch.zeros(shape, device=self._device)  # running mean of each agent, for centring
        self._next_group = 0
        self._reset_states()

    def state(self) -> dict[str, Tensor]:
        """What the next rollout needs to know of this one, apart from the worlds."""
        tensors = {"mean_rewards": self.mean_rewards, "next_group": torch.tensor(self._next_group)}
        for group in range(self._worlds.num_groups):
            for name, value in (("h", self.h), ("c", self.c), ("last_values", self._last_values)):
                if (tensor := value[group]) is not None:
                    tensors[f"{name}/{group}"] = tensor
        for arrived in self._held:
            tensors[f"held_rewards/{arrived.group}"] = arrived.rewards
        return tensors | {f"losses/{name}": tensor for name, tensor in self._terms.rollout_state().items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Undoes `state`, on worlds that have just been taken up where they were."""
        on_device = {name: tensor.to(self._device) for name, tensor in tensors.items()}
        first = int(tensors["next_group"])
        of_losses = {name: tensor for name, tensor in on_device.items() if name.startswith("losses/")}
        self._terms.restore_rollout_state({name.removeprefix("losses/"): t for name, t in of_losses.items()})
        self.mean_rewards = on_device["mean_rewards"].clone()
        received = sorted(
            (self._worlds.recv() for _ in range(self._worlds.num_groups)),
            key=lambda one: (one.group - first) % self._worlds.num_groups,
        )
        for one in received:
            group = one.group
            arrived = self._arrive(one)
            if f"held_rewards/{group}" in on_device:  # already seen and counted
                arrived = dataclasses.replace(arrived, rewards=on_device[f"held_rewards/{group}"])
            else:
                self._early_infos += one.infos
            self._held.append(arrived)
            self.h[group], self.c[group] = on_device.get(f"h/{group}"), on_device.get(f"c/{group}")
            self._last_values[group] = on_device.get(f"last_values/{group}")
        if f"held_rewards/{first}" in on_device:
            self.mean_rewards = on_device["mean_rewards"].clone()
        self._next_group = first

    def _reset_states(self) -> None:
        if self._recurrent:
            shape = self._worlds.agents_per_group, int(self._policy.hidden_size)  # type: ignore[arg-type]
            for group in range(self._worlds.num_groups):
                self.h[group] = torch.zeros(shape, device=self._device)
                self.c[group] = torch.zeros(shape, device=self._device)

    def collect(self, stopwatch: Stopwatch) -> Collected:
        """Runs until the buffer is full."""
        collected = self.begin()
        while not self._experience.ready:
            self.step(collected, stopwatch)
        self.finish(collected, stopwatch)
        return collected

    def begin(self) -> Collected:
        """Makes the buffer ready to be filled anew."""
        collected = Collected()
        self._experience.begin()
        if self.plan.rules.rollout_state == "reset":
            self._reset_states()
        for info in self._early_infos:
            collected.add_info(info)
        self._early_infos.clear()
        return collected

    @torch.no_grad()
    def step(self, collected: Collected, stopwatch: Stopwatch) -> None:
        """One group acts once; what that gives is added to `collected`."""
        arrived = self._held.pop(0) if self._held else self._recv(collected, stopwatch)
        actions = self._act(arrived, stopwatch)
        with stopwatch("forward"):  # where a GPU is still at it
            sent = actions.numpy()
        with stopwatch("environment"):
            self._worlds.send(arrived.group, sent)
        collected.agent_steps += len(sent)
        collected.env_steps += self._worlds_per_group
        self._next_group = (arrived.group + 1) % self._worlds.num_groups

    @torch.no_grad()
    def finish(self, collected: Collected, stopwatch: Stopwatch) -> None:
        """Gives the full buffer what its rows' last actions led to, where the rules want it."""
        if self.plan.rules.row_end == "bootstrap":
            self._value_row_ends(collected, stopwatch)

    def _recv(self, collected: Collected, stopwatch: Stopwatch) -> Arrived:
        with stopwatch("environment"):
            received = self._worlds.recv()
        for info in received.infos:
            collected.add_info(info)
        with stopwatch("copy"):
            return self._arrive(received)

    def _arrive(self, received: Received) -> Arrived:
        """Takes what the worlds sent to the device, rewards as the rules want them. Once for each `received`."""
        rules = self.plan.rules
        rewards = to_device(received.rewards, self._device, torch.float32)
        if rules.reward_clamp is not None:
            rewards = rewards.clamp(-rules.reward_clamp, rules.reward_clamp)
        if rules.reward_centering is not None:
            mean = self.mean_rewards[received.group].clone()
            self.mean_rewards[received.group] += rules.reward_centering * (rewards - mean)
            rewards = rewards - mean
        return Arrived(
            received.group,
            to_device(received.observations, self._device),
            rewards,
            to_device(received.terminals, self._device, torch.float32),
            to_device(received.truncations, self._device, torch.float32),
            self._taught(received),
        )

    def _taught(self, received: Received) -> Tensor | None:
        if received.teacher_actions is None or not len(self._terms):
            return None
        return to_device(received.teacher_actions, self._device, torch.int64)

    def _act(self, arrived: Arrived, stopwatch: Stopwatch) -> ActionsToHost:
        """Runs the policy on what arrived, stores it, and gives the actions of the group."""
        group = arrived.group
        h, c, resets = self._state_before(arrived)
        state: dict[str, Any] = {"lstm_h": h, "lstm_c": c}
        with stopwatch("forward"):
            logits, values = self._forward(arrived.observations, state)
            actions, logprobs = sample(logits, self._generator)
            advice: dict[str, Tensor] = {}
            if len(self._terms):
                begins = torch.maximum(arrived.terminals, arrived.truncations)
                advice = self._terms.advise(Moment(group, arrived.observations, begins, arrived.teacher_actions))
                led = self._terms.lead(advice, actions, self._generator)
                if led is not actions:
                    actions, logprobs = led, evaluate(logits, led)[0]
        on_their_way = ActionsToHost(actions)
        values = values.float().flatten()
        rewards, dones = self._rewards_and_dones(arrived)
        with stopwatch("copy"):
            column = Column(arrived.observations, actions, logprobs, values, rewards, dones, resets, advice)
            self._experience.store(group, column, h, c)
        if self._recurrent:
            self.h[group], self.c[group] = state["lstm_h"], state["lstm_c"]
        self._last_values[group] = values
        return on_their_way

    def _forward(self, observations: Tensor, state: dict[str, Any]) -> tuple[Tensor, Tensor]:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            logits, values = self._forward_eval(observations, state)
        return logits, values

    def _state_before(self, arrived: Arrived) -> tuple[Tensor | None, Tensor | None, Tensor]:
        """Recurrent state [n, hidden] with which the group reads its observation, and where it was zeroed [n]."""
        h, c = self.h[arrived.group], self.c[arrived.group]
        if not self.plan.rules.reset_state_on_done:
            return h, c, torch.zeros_like(arrived.terminals)
        resets = torch.maximum(arrived.terminals, arrived.truncations)
        if h is not None and c is not None:
            keep = (1.0 - resets)[:, None]
            h, c = h * keep, c * keep
        return h, c, resets

    def _rewards_and_dones(self, arrived: Arrived) -> tuple[Tensor, Tensor]:
        """Rewards, and where advantages are cut. A truncated episode is worth what it would have gone on to earn.

        The observation that comes with a truncation is the next episode's first, so the value of the last one acted
        upon stands in for that of the one never shown.
        """
        last = self._last_values[arrived.group]
        if self.plan.rules.truncation == "ignore":
            return arrived.rewards, arrived.terminals
        cut_short = arrived.truncations * (1.0 - arrived.terminals)
        rewards = arrived.rewards if last is None else arrived.rewards + self.plan.loss.gamma * last * cut_short
        return rewards, torch.maximum(arrived.terminals, arrived.truncations)

    def _value_row_ends(self, collected: Collected, stopwatch: Stopwatch) -> None:
        """Receives what followed each group's last action and keeps it for the next rollout to act upon."""
        for _ in range(self._worlds.num_groups):
            arrived = self._recv(collected, stopwatch)
            self._held.append(arrived)
            h, c, _ = self._state_before(arrived)
            with stopwatch("forward"):
                _, values = self._forward(arrived.observations, {"lstm_h": h, "lstm_c": c})
            self._experience.store_successor(arrived.group, values.float().flatten(), *self._rewards_and_dones(arrived))

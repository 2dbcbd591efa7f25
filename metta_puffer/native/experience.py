"""The rollout buffer: rows (segments) of `horizon` consecutive agent-steps of one agent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from metta_puffer.config.plan import BatchPlan, RulesPlan


@dataclass(frozen=True)
class Column:
    """What one group of n agents did at one moment, each [n, ...]. Reward and done belong to the action before."""

    observations: Tensor
    actions: Tensor
    logprobs: Tensor
    values: Tensor
    rewards: Tensor
    dones: Tensor  # 1 where the advantage is cut
    resets: Tensor  # 1 where the recurrent state was zeroed before this observation
    advice: Mapping[str, Tensor] = field(default_factory=dict)  # what losses want kept, by name


class Experience:
    """Rows [S, T] and who writes which of them.

    `values`, `rewards`, `dones` have T+1 columns: the last holds what followed the row's last action, as far as the
    row's owner has seen it. Rows are handed out in blocks, one row an agent; a group that has filled its block gets
    the next free one, and so on round the buffer. With `row_policy="exact"` rows are a multiple of the agents and
    nothing is ever overwritten. With "upstream" they need not be, and Metta's buffer is reproduced with its
    overwritten and spliced rows.
    """

    def __init__(
        self,
        batch: BatchPlan,
        rules: RulesPlan,
        *,
        num_groups: int,
        agents_per_group: int,
        observation_shape: Sequence[int],
        observation_dtype: torch.dtype,
        hidden_size: int | None,
        device: torch.device,
        advice: Mapping[str, Tensor] | None = None,
        offload: bool = False,
    ) -> None:
        """`advice` has one tensor of one agent-step's shape and dtype for each thing that losses want kept.

        `offload` keeps the observations, by far the largest part, in host memory; `observations_of` fetches them.
        """
        rows, horizon = batch.segments, batch.bptt_horizon
        self.rows, self.horizon = rows, horizon
        self.num_groups, self.agents_per_group = num_groups, agents_per_group
        total = num_groups * agents_per_group
        if rows < total or (rules.row_policy == "exact" and rows % total):
            raise ValueError(f"{rows} rows do not hold a whole number of rows for each of {total} agents")

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        kept_on = "cpu" if offload else device
        self.observations = torch.zeros(rows, horizon, *observation_shape, dtype=observation_dtype, device=kept_on)
        self.actions = zeros(rows, horizon, dtype=torch.int64)
        self.logprobs = zeros(rows, horizon)
        self.resets = zeros(rows, horizon)
        self.values = zeros(rows, horizon + 1)
        self.rewards = zeros(rows, horizon + 1)
        self.dones = zeros(rows, horizon + 1)
        self.ratios = torch.ones(rows, horizon + 1, device=device)
        self.advice = {name: zeros(rows, horizon, *one.shape, dtype=one.dtype) for name, one in (advice or {}).items()}
        # Recurrent state with which each row began.
        self.initial_h = zeros(rows, hidden_size) if hidden_size else None
        self.initial_c = zeros(rows, hidden_size) if hidden_size else None
        self._device = device
        self.begin()

    def begin(self) -> None:
        """Hands every group its first block again; old data stays until it is overwritten, as upstream."""
        n = self.agents_per_group
        self._block = [self._take(group * n) for group in range(self.num_groups)]
        self._position = [0] * self.num_groups
        self._finished: list[slice | Tensor | None] = [None] * self.num_groups
        self._free = (self.num_groups * n) % self.rows
        self.full_rows = 0

    @property
    def ready(self) -> bool:
        return self.full_rows >= self.rows

    def _take(self, start: int) -> slice | Tensor:
        """`agents_per_group` rows from `start` on, going round at the end of the buffer."""
        stop = start + self.agents_per_group
        if stop <= self.rows:
            return slice(start, stop)
        return torch.arange(start, stop, device=self._device) % self.rows

    def store(self, group: int, column: Column, h: Tensor | None, c: Tensor | None) -> None:
        """Writes one column; `h`, `c` [n, hidden] are the recurrent state before this observation."""
        block, t = self._block[group], self._position[group]
        if t == 0:
            if self.initial_h is not None and self.initial_c is not None and h is not None and c is not None:
                self.initial_h[block], self.initial_c[block] = h, c
            self.store_successor(group, column.values, column.rewards, column.dones)
        self.observations[self._on_host(block), t] = column.observations.to(self.observations.device)
        self.actions[block, t] = column.actions
        self.logprobs[block, t] = column.logprobs
        self.values[block, t] = column.values
        self.rewards[block, t] = column.rewards
        self.dones[block, t] = column.dones
        self.resets[block, t] = column.resets
        for name, advice in column.advice.items():
            self.advice[name][block, t] = advice
        self._position[group] = t + 1
        if t + 1 == self.horizon:
            self._finished[group] = block
            self._block[group] = self._take(self._free)
            self._free = (self._free + self.agents_per_group) % self.rows
            self._position[group] = 0
            self.full_rows += self.agents_per_group

    def observations_of(self, rows: Tensor | slice) -> Tensor:
        """The observations of some rows, on the policy's device."""
        return self.observations[self._on_host(rows)].to(self._device)

    def _on_host(self, rows: Tensor | slice) -> Tensor | slice:
        """The rows as an index of the observations, which may lie in host memory."""
        return rows if isinstance(rows, slice) else rows.to(self.observations.device)

    def store_successor(self, group: int, values: Tensor, rewards: Tensor, dones: Tensor) -> None:
        """What followed the last action of the group's finished rows; nothing happens where it finished none."""
        block = self._finished[group]
        if block is None:
            return
        self.values[block, -1] = values
        self.rewards[block, -1] = rewards
        self.dones[block, -1] = dones
        self._finished[group] = None

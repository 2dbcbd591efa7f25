"""The calls that a user's own training loop is made of."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor

from metta_puffer.api.agent import Agent
from metta_puffer.api.environment import Environment
from metta_puffer.api.experience import Experience, Minibatch
from metta_puffer.api.kickstarter import Kickstarter
from metta_puffer.config import arithmetic
from metta_puffer.config.native_model import Trainer
from metta_puffer.config.plan import LossPlan
from metta_puffer.native.advantage import compute_advantages
from metta_puffer.native.stopwatch import Stopwatch


class Losses:
    """Losses and statistics of minibatches, by name, until `zero` is called."""

    def __init__(self) -> None:
        self.zero()

    def zero(self) -> None:
        self.minibatches_processed = 0
        self._sums: dict[str, Tensor] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Scalars of one minibatch; they stay on their device until `stats`."""
        self.minibatches_processed += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value.detach()

    def stats(self) -> dict[str, float]:
        """Means over the minibatches: policy_loss, value_loss, entropy, approx_kl, clipfrac, ..."""
        return {name: float(value) / self.minibatches_processed for name, value in self._sums.items()}


def perform_rollout_step(
    agent: Agent,
    env: Environment,
    experience: Experience,
    device: torch.device | str | None = None,
    timer: Stopwatch | None = None,
) -> tuple[int, list[dict[str, list[float]]]]:
    """One group of worlds acts once: (agent-steps made, statistics of the episodes that ended, for
    `accumulate_rollout_stats`).

    `timer` measures environment, copy and forward. `device` is taken for compatibility: the agent's counts. Raises
    UserError when the experience is full, or was made for another agent, environment or device.
    """
    collected = experience.collect(agent, env, timer or Stopwatch())
    return collected.agent_steps, [dict(collected.episodes)] if collected.episodes else []


def accumulate_rollout_stats(
    raw_infos: Iterable[Mapping[str, Any]], stats: MutableMapping[str, list[float]]
) -> MutableMapping[str, list[float]]:
    """Adds each statistic in `raw_infos` (numbers or lists of them) to the list of its name in `stats`."""
    for info in raw_infos:
        for name, values in info.items():
            stats.setdefault(name, []).extend(values if isinstance(values, list) else [float(values)])
    return stats


def calculate_anneal_beta(
    epoch: int, total_timesteps: int, batch_size: int, prio_alpha: float, prio_beta0: float
) -> float:
    """Importance correction of prioritized rows after `epoch` rounds of `batch_size` agent-steps."""
    epochs = arithmetic.total_epochs(total_timesteps, batch_size)
    return arithmetic.annealed_prio_beta(prio_alpha, prio_beta0, epoch, epochs)


def compute_advantage(  # noqa: PLR0917 (Metta's users give them by position)
    values: Tensor,
    rewards: Tensor,
    dones: Tensor,
    importance_sampling_ratio: Tensor,
    advantages: Tensor,
    gamma: float,
    gae_lambda: float,
    vtrace_rho_clip: float,
    vtrace_c_clip: float,
    device: torch.device | str | None = None,
) -> Tensor:
    """Fills and returns `advantages`: GAE with V-trace clips. All tensors are float32 [rows, columns].

    Reward and done at column t belong to the action of column t-1; the last column's advantage is 0. `device` is taken
    for compatibility: the tensors' own counts.
    """
    # Nothing but these four numbers is read of it.
    numbers = LossPlan.model_construct(
        gamma=gamma, gae_lambda=gae_lambda, vtrace_rho_clip=vtrace_rho_clip, vtrace_c_clip=vtrace_c_clip
    )
    with torch.no_grad():
        return advantages.copy_(compute_advantages(values, rewards, dones, importance_sampling_ratio, numbers))


def process_minibatch_update(
    policy: Agent,
    experience: Experience,
    minibatch: Minibatch,
    advantages: Tensor,
    trainer_cfg: Trainer,
    *,
    kickstarter: Kickstarter | None = None,
    agent_step: int = 0,
    losses: Losses | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """PPO's loss of one minibatch (and the kickstarter's), a scalar for `Optimizer.step`.

    `advantages` [rows, columns] are those of the whole buffer, from `compute_advantage`. The new values and ratios of
    the minibatch's rows replace the buffer's, as in both upstream trainers. `agent_step` is where in the run this is.
    What the loss is made of is added to `losses`. `device` is taken for compatibility. Raises DivergedError, naming the
    first tensor that is not finite.
    """
    update = experience.update_of(policy, trainer_cfg, kickstarter, agent_step)
    advantages = advantages[minibatch.rows, : experience.buffer.horizon]
    loss, terms = update.minibatch_loss(experience.buffer, minibatch.rows, minibatch.weights, advantages)
    if losses is not None:
        losses.add(terms)
    return loss

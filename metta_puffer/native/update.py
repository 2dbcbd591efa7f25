"""One update: minibatches of rows through the policy, PPO, an optimizer step each."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from metta_puffer.config.arithmetic import annealed_prio_beta
from metta_puffer.config.plan import RunPlan
from metta_puffer.native.advantage import compute_advantages
from metta_puffer.native.distributed import Ranks
from metta_puffer.native.distribution import evaluate
from metta_puffer.native.experience import Experience
from metta_puffer.native.losses.ppo_actor import clipped_policy_loss, normalized
from metta_puffer.native.losses.ppo_critic import value_loss
from metta_puffer.native.losses.registry import LossTerms
from metta_puffer.native.losses.term import Minibatch
from metta_puffer.native.monitors import gradient_values
from metta_puffer.native.optimizers import begin_update, end_update


class DivergedError(RuntimeError):
    """A loss or a gradient is no longer finite. Nothing of that minibatch was applied."""


@dataclass(frozen=True)
class Updated:
    gradient_updates: int  # optimizer steps made
    losses: dict[str, float]  # means over the minibatches
    stopped_early: bool  # target_kl was passed
    gradients: dict[str, float]  # statistics of the last optimizer step's gradients, clipped


class Update:
    """The update of one trainer. `plan` may be replaced between updates, for schedules."""

    def __init__(
        self,
        plan: RunPlan,
        policy: nn.Module,
        *,
        terms: LossTerms,
        optimizer: Optimizer,
        generator: torch.Generator,
        ranks: Ranks,
    ) -> None:
        self.plan, self._policy, self._optimizer, self._generator = plan, policy, optimizer, generator
        self._device = torch.device(plan.device)
        self._recurrent = bool(getattr(policy, "recurrent", False))
        self._terms, self._ranks = terms, ranks
        self._hidden = self._critic_outputs = torch.empty(0)
        if len(terms):
            policy.get_submodule("actor").register_forward_pre_hook(self._remember_hidden)
            policy.get_submodule("critic").register_forward_hook(self._remember_critic)
        # Where L2-to-initial pulls to; part of a checkpoint.
        self.initial_weights = {name: weights.detach().clone() for name, weights in policy.named_parameters()}

    def run(self, experience: Experience, epoch: int) -> Updated:
        """Trains on a full buffer. `epoch` is the number of rounds finished. Raises DivergedError."""
        batch, rules, loss = self.plan.batch, self.plan.rules, self.plan.loss
        trained = [*self._policy.parameters(), *self._terms.parameters()]
        beta = annealed_prio_beta(loss.prio_alpha, loss.prio_beta0, epoch, batch.total_epochs)
        per_update_epoch = batch.num_minibatches // batch.update_epochs
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self._device))
        experience.ratios.fill_(1.0)
        advantages = self._advantages(experience)
        gradient_updates = minibatches = 0
        stopped = False
        gradients: dict[str, Tensor] = {}
        begin_update(self._optimizer)
        for index in range(batch.num_minibatches):
            begins_update_epoch = index % per_update_epoch == 0
            if index and (
                rules.advantage_refresh == "minibatch"
                or (rules.advantage_refresh == "update_epoch" and begins_update_epoch)
            ):
                advantages = self._advantages(experience)
            rows, weights = self.choose_rows(index % per_update_epoch, advantages, beta)
            total, terms = self.minibatch_loss(experience, rows, weights, advantages[rows])
            if loss.target_kl is not None and index and self._kl(sums) / minibatches > loss.target_kl:
                stopped = True
                break
            (total / batch.accumulate_minibatches).backward()
            for name, value in terms.items():
                sums[name] += value.detach()
            minibatches += 1
            if (index + 1) % batch.accumulate_minibatches == 0:
                self._ranks.average_([parameter.grad for parameter in trained if parameter.grad is not None])
                norm = nn.utils.clip_grad_norm_(trained, loss.max_grad_norm)
                if not torch.isfinite(norm):
                    raise DivergedError(f"gradient norm is {float(norm)}: {self._first_bad_gradient()}")
                if index + batch.accumulate_minibatches >= batch.num_minibatches:
                    gradients = gradient_values(self._policy)
                self._optimizer.step()
                self._optimizer.zero_grad()
                gradient_updates += 1
                sums["gradient_norm"] += norm.detach() * batch.accumulate_minibatches
        end_update(self._optimizer)
        losses = {name: float(value) / minibatches for name, value in sums.items()}
        losses["explained_variance"] = self._explained_variance(experience, advantages)
        statistics = {name: float(value) for name, value in gradients.items()}
        return Updated(gradient_updates, losses, stopped, statistics)

    def _kl(self, sums: dict[str, Tensor]) -> float:
        """Sum of the minibatches' KL so far, the same on every rank."""
        total = sums["approx_kl"].clone()
        self._ranks.average_([total])
        return float(total)

    def _advantages(self, experience: Experience, rows: Tensor | slice = slice(None)) -> Tensor:
        """Advantages [rows, T] from the buffer's present values and ratios; of the whole buffer by default."""
        columns = experience.horizon + (self.plan.rules.row_end == "bootstrap")
        advantages = compute_advantages(
            experience.values[rows, :columns],
            experience.rewards[rows, :columns],
            experience.dones[rows, :columns],
            experience.ratios[rows, :columns],
            self.plan.loss,
        )
        return advantages[:, : experience.horizon]

    def choose_rows(self, index: int, advantages: Tensor, beta: float) -> tuple[Tensor | slice, Tensor | None]:
        """Rows of the minibatch, and their importance weights [m, 1] where they are drawn at random.

        Prioritized as in Schaul et al. 2016, with the sum of a row's |advantage| for its priority.
        """
        m = self.plan.batch.minibatch_segments
        if self.plan.rules.sampling == "sequential":
            return slice(index * m, (index + 1) * m), None
        priority = torch.nan_to_num(advantages.abs().sum(1) ** self.plan.loss.prio_alpha, 0.0, 0.0, 0.0)
        probability = (priority + 1e-6) / (priority.sum() + 1e-6)
        rows = torch.multinomial(probability, m, generator=self._generator)
        return rows, (len(advantages) * probability[rows, None]) ** -beta

    def minibatch_loss(
        self, experience: Experience, rows: Tensor | slice, weights: Tensor | None, advantages: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Total loss and its terms; overwrites values and ratios of the rows, as both upstream trainers do."""
        loss, horizon = self.plan.loss, experience.horizon
        old_values = experience.values[rows, :horizon].clone()
        old_logprobs = experience.logprobs[rows]
        returns = advantages + old_values
        logits, values = self._evaluate(experience, rows)
        logprobs, entropy = evaluate(logits, experience.actions[rows].flatten())
        logratio = logprobs.view(old_logprobs.shape) - old_logprobs
        ratios = logratio.exp()
        experience.ratios[rows, :horizon] = ratios.detach()

        weighing = advantages
        if self.plan.rules.actor_advantage == "vtrace":
            weighing = self._advantages(experience, rows)
        if loss.norm_adv:
            weighing = self._ranks.normalized(weighing) if self._ranks.count > 1 else normalized(weighing)
        if weights is not None:
            weighing = weights * weighing
        policy_loss = clipped_policy_loss(ratios, weighing, loss.clip_coef)
        critic_loss = value_loss(values, old_values, returns, loss.vf_clip_coef if loss.clip_vloss else None)
        mean_entropy = entropy.mean()
        total = loss.pg_coef * policy_loss + loss.vf_coef * critic_loss - loss.ent_coef * mean_entropy
        added, others = self._other_losses(
            experience, rows, returns=returns, logits=logits, logprobs=logprobs, values=values
        )
        if added is not None:
            total = total + added
        regularization = self._weight_losses()
        for name, coefficient in (("l2_reg_loss", loss.l2_reg_loss_coef), ("l2_init_loss", loss.l2_init_loss_coef)):
            if name in regularization:
                total = total + coefficient * regularization[name]
        if not torch.isfinite(total):
            named = {
                "rewards": experience.rewards[rows],
                "rollout values": old_values,
                "rollout log-probabilities": old_logprobs,
                "advantages": advantages,
                "logits": logits,
                "values": values,
                "probability ratios": ratios,
                "policy loss": policy_loss,
                "value loss": critic_loss,
                **{f"{name} loss": value for name, value in others.items()},
            }
            bad = next(name for name, tensor in {**named, "total loss": total}.items() if not tensor.isfinite().all())
            raise DivergedError(f"loss is {float(total.detach())}; the first tensor that is not finite: {bad}")
        experience.values[rows, :horizon] = values.detach()
        with torch.no_grad():
            terms = {
                "policy_loss": policy_loss,
                "value_loss": critic_loss,
                "entropy": mean_entropy,
                "old_approx_kl": (-logratio).mean(),
                "approx_kl": ((ratios - 1.0) - logratio).mean(),
                "clipfrac": ((ratios - 1.0).abs() > loss.clip_coef).float().mean(),
                "importance": ratios.mean(),
                **regularization,
                **others,
            }
        return total, terms

    def _remember_hidden(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._hidden = inputs[0]

    def _remember_critic(self, module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        self._critic_outputs = outputs

    def _other_losses(
        self,
        experience: Experience,
        rows: Tensor | slice,
        *,
        returns: Tensor,
        logits: Tensor,
        logprobs: Tensor,
        values: Tensor,
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """The plan's losses beside PPO's: (weighted sum or None, each by name)."""
        if not len(self._terms):
            return None, {}
        shape = returns.shape
        batch = Minibatch(
            observations=experience.observations_of(rows),
            actions=experience.actions[rows],
            rewards=experience.rewards[rows],
            dones=experience.dones[rows],
            resets=experience.resets[rows],
            old_logprobs=experience.logprobs[rows],
            returns=returns,
            logits=logits.view(*shape, -1),
            logprobs=logprobs.view(shape),
            values=values,
            quantiles=self._critic_outputs.float().view(*shape, -1),
            hidden=self._hidden.float().view(*shape, -1),
            advice={name: tensor[rows] for name, tensor in experience.advice.items()},
            generator=self._generator,
            gamma=self.plan.loss.gamma,
            gae_lambda=self.plan.loss.gae_lambda,
        )
        return self._terms.weighted(batch)

    def _weight_losses(self) -> dict[str, Tensor]:
        """Sums of squares over all weights, where they count: of the weights, of their way from the initial ones."""
        losses: dict[str, Tensor] = {}
        if self.plan.loss.l2_reg_loss_coef:
            losses["l2_reg_loss"] = torch.stack([p.square().sum() for p in self._policy.parameters()]).sum()
        if self.plan.loss.l2_init_loss_coef:
            moved = [(p - self.initial_weights[name]).square().sum() for name, p in self._policy.named_parameters()]
            losses["l2_init_loss"] = torch.stack(moved).sum()
        return losses

    def _evaluate(self, experience: Experience, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """logits [m*T, actions] and values float32 [m, T] of the rows under the present policy."""
        observations = experience.observations_of(rows)
        state: dict[str, Tensor | None] = {"lstm_h": None, "lstm_c": None}
        if self.plan.rules.training_state == "stored" and experience.initial_h is not None:
            assert experience.initial_c is not None
            state["lstm_h"], state["lstm_c"] = experience.initial_h[rows], experience.initial_c[rows]
        if self.plan.rules.reset_state_on_done:
            state["resets"] = experience.resets[rows]
        if not self._recurrent:
            observations = observations.flatten(0, 1)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            logits, values = self._policy(observations, state)
        return logits, values.float().view(-1, experience.horizon)

    def _first_bad_gradient(self) -> str:
        for name, parameter in self._policy.named_parameters():
            if parameter.grad is not None and not parameter.grad.isfinite().all():
                return f"the gradient of {name} is not finite"
        return "every gradient is finite, their norm is not"

    def _explained_variance(self, experience: Experience, advantages: Tensor) -> float:
        """1 - Var(returns - values) / Var(returns), with the advantages last computed; NaN where returns are one."""
        returns = advantages + experience.values[:, : experience.horizon]
        variance = returns.var()
        return float(1.0 - advantages.var() / variance) if variance > 0 else float("nan")

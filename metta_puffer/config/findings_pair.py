"""Findings about the two sides together."""

from collections.abc import Iterator

from metta_puffer.config.differences import differing_rules
from metta_puffer.config.finding import Finding
from metta_puffer.config.sides import Side


def agent_count_mismatch(puffer: Side, native: Side) -> Iterator[Finding]:
    left, right = puffer.value("agents_per_env"), native.value("agents_per_env")
    if left != right:
        yield Finding(
            "agent-count-mismatch",
            "warning",
            "both",
            "the two sides train in worlds with different numbers of agents",
            f"{left} agents a world in {puffer.value('envs'):,} worlds against {right} in {native.value('envs'):,}",
            "set env.num_agents to the same number on both sides: metta-audit reconcile --match agents-per-world",
        )


def budgets_differ(puffer: Side, native: Side) -> Iterator[Finding]:
    left, right = puffer.value("total_timesteps"), native.value("total_timesteps")
    if left != right:
        yield Finding(
            "budgets-differ",
            "warning",
            "both",
            "the two sides train for different numbers of agent-steps",
            f"{left:,} against {right:,}: {max(left, right) / min(left, right):.3g} times",
            f"set train.total_timesteps and trainer.total_timesteps to the same number, such as {min(left, right)}",
        )


def epochs_incomparable(puffer: Side, native: Side) -> Iterator[Finding]:
    left, right = (side.value("agent_steps_collected_per_epoch") for side in (puffer, native))
    if left != right:
        yield Finding(
            "epochs-incomparable",
            "note",
            "both",
            "an epoch is not the same amount of data on the two sides",
            f"one round collects {left:,} against {right:,} agent-steps, so {puffer.value('total_epochs'):,} and "
            f"{native.value('total_epochs'):,} epochs cannot be compared",
            "compare over collected agent-steps and over gradient updates, never over epochs",
        )


def updates_per_data(puffer: Side, native: Side) -> Iterator[Finding]:
    left, right = (side.value("agent_steps_collected_per_gradient") for side in (puffer, native))
    if max(left, right) > 1.05 * min(left, right):
        yield Finding(
            "updates-per-data-differ",
            "warning",
            "both",
            "the sides make different numbers of gradient updates from the same data",
            f"one update for {left:,.6g} collected agent-steps against one for {right:,.6g}",
            "metta-audit reconcile --match data-per-gradient",
        )


def rules_differ(puffer: Side, native: Side) -> Iterator[Finding]:
    differing = differing_rules(puffer, native)
    if differing:
        yield Finding(
            "rules-differ",
            "warning",
            "both",
            f"the trainers differ in {len(differing)} rules beyond sizes",
            "; ".join(f"{rule.topic}: {rule.puffer} against {rule.native}" for rule in differing),
            "metta-audit reconcile --match everything sets every rule that has a key; declare the others",
        )


def one_sided_priority(puffer: Side, native: Side) -> Iterator[Finding]:
    left = puffer.loaded.model.train.prio_alpha
    right = native.loaded.model.trainer.prioritized_experience_replay.prio_alpha
    if (left > 0) != (right > 0):
        yield Finding(
            "priority-one-sided",
            "warning",
            "both",
            "only one side draws rows by priority",
            f"prio_alpha {left:g} on puffer, {right:g} on native",
            f"set train.prio_alpha = {min(left, right):g} and prioritized_experience_replay.prio_alpha likewise",
        )

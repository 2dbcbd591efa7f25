"""All findings of a pair of configurations. docs/findings.md explains every id; a test keeps the two in step."""

from metta_puffer.config import findings_data as data
from metta_puffer.config import findings_options as options
from metta_puffer.config import findings_pair as pair
from metta_puffer.config import findings_running as running
from metta_puffer.config.finding import Finding, PairRule, Rule
from metta_puffer.config.sides import Side

__all__ = ["Finding", "find"]

ORDER = {"error": 0, "warning": 1, "note": 2}

PAIR_RULES: tuple[PairRule, ...] = (
    pair.agent_count_mismatch,
    pair.budgets_differ,
    pair.updates_per_data,
    pair.epochs_incomparable,
    pair.one_sided_priority,
    pair.rules_differ,
)
SIDE_RULES: tuple[Rule, ...] = (
    data.impossible_sizes,
    data.spliced_rows,
    data.batch_remainder,
    data.minibatch_remainder,
    data.accumulation_remainder,
    data.carried_state,
    running.serial_drops,
    running.unread_keys,
    options.refused_options,
    running.unresolved_defaults,
    running.frozen_scheduler,
    running.repeated_seeds,
    data.repeated_sampling,
    data.clamped_reward,
    data.truncation_leak,
    running.recv_arity,
    running.forward_target_missed,
    running.upstream_single_worker_target,
    running.groups_in_turn,
    running.agents_unstated,
    data.agent_step_units,
    running.ranks,
    running.final_rollouts,
    running.last_learning_rate,
    running.checkpoint_never,
    data.tiny_batch,
    data.horizon_memory,
)


def find(puffer: Side, native: Side) -> tuple[Finding, ...]:
    """All findings, errors first; within a severity in the order of the rules."""
    found = [finding for rule in PAIR_RULES for finding in rule(puffer, native)]
    found += [finding for rule in SIDE_RULES for side in (puffer, native) for finding in rule(side)]
    return tuple(sorted(found, key=lambda finding: ORDER[finding.severity]))

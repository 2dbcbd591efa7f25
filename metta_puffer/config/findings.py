"""What is wrong or surprising about a pair of configurations, each with evidence and a concrete change.

docs/findings.md explains every id with an example; a test keeps the two in step.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from metta_puffer.config import arithmetic as a
from metta_puffer.config.differences import differing_rules
from metta_puffer.config.sides import FINAL_ROLLOUTS, Side

Severity = Literal["error", "warning", "note"]
SideName = Literal["puffer", "native", "both"]
ORDER = {"error": 0, "warning": 1, "note": 2}
# What pufferlib's recv() hands out, by version; an adapter written for one fails with the other.
RECV_ITEMS = {"3.0.23": 8, "3.0.0": 7}


@dataclass(frozen=True)
class Finding:
    id: str
    severity: Severity
    side: SideName
    message: str
    evidence: str
    fix: str

    @property
    def link(self) -> str:
        return f"docs/findings.md#{self.id}"


Rule = Callable[[Side], Iterator[Finding]]
PairRule = Callable[[Side, Side], Iterator[Finding]]


def find(puffer: Side, native: Side) -> tuple[Finding, ...]:
    """All findings, errors first; within a severity in the order of the rules."""
    found = [finding for rule in PAIR_RULES for finding in rule(puffer, native)]
    found += [finding for rule in SIDE_RULES for side in (puffer, native) for finding in rule(side)]
    return in_order(found)


def find_on(side: Side) -> tuple[Finding, ...]:
    """The findings of one side alone."""
    return in_order([finding for rule in SIDE_RULES for finding in rule(side)])


def in_order(found: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda finding: ORDER[finding.severity]))


def upstream_native(side: Side) -> bool:
    return side.name == "native" and side.version != "ours"


# Both sides together.


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


# One side.


def impossible_sizes(side: Side) -> Iterator[Finding]:
    """Everything for which the trainer would refuse the configuration or fail."""
    for problem in side.sizes.problems:
        place = f" in {problem.source}" if problem.source else ""
        quote = f'; the trainer raises "{problem.quotes}"' if problem.quotes else ""
        evidence = f"{problem.key} = {problem.value}{place}{quote}"
        yield Finding(problem.finding, "error", side.name, problem.message, evidence, problem.remedy)


def spliced_rows(side: Side) -> Iterator[Finding]:
    if side.name != "native" or side.allocation is None:
        return
    rows, total = side.value("segments"), side.value("total_agents")
    if side.allocation.overwritten == 0:
        return
    horizon = side.value("bptt_horizon")
    exact = a.nearest_multiple(rows, total)
    minibatch = a.nearest_divisor(exact, side.value("minibatch_segments"))
    yield Finding(
        "rows-not-multiple",
        "error",
        "native",
        "agents do not divide the rows, so the rollout overwrites data that no update sees",
        f"{rows:,} rows for {total:,} agents (remainder {rows % total:,}): {side.allocation.collected:,} agent-steps "
        f"collected, {side.allocation.overwritten:,} overwritten ({side.value('wasted_fraction'):.1%}), "
        f"{side.allocation.spliced_rows:,} rows spliced from two trajectories",
        f"set trainer.batch_size={exact * horizon} and trainer.minibatch_size={minibatch * horizon}"
        + (", or trainer.row_policy=exact" if side.version == "ours" else ""),
    )


def batch_remainder(side: Side) -> Iterator[Finding]:
    batch, horizon = side.value("batch_size"), side.value("bptt_horizon")
    if batch % horizon:
        key = "train.batch_size" if side.name == "puffer" else "trainer.batch_size"
        yield Finding(
            "batch-remainder",
            "error",
            side.name,
            "batch_size is no multiple of bptt_horizon; the remainder is lost without a word",
            f"{batch:,} = {batch // horizon:,} rows of {horizon} and {batch % horizon} agent-steps left over",
            f"set {key} = {a.nearest_multiple(batch, horizon)}",
        )


def minibatch_remainder(side: Side) -> Iterator[Finding]:
    batch, minibatch, epochs = (side.value(n) for n in ("batch_size", "minibatch_size", "update_epochs"))
    if side.name == "puffer" and (epochs * batch) % minibatch:
        rows, wanted = side.value("segments"), side.value("minibatch_segments")
        nearest = a.nearest_divisor(rows, max(1, wanted)) * side.value("bptt_horizon")
        yield Finding(
            "minibatch-uneven",
            "warning",
            "puffer",
            "minibatches do not divide the batch; PuffeRL drops the last one without a word",
            f"{epochs} x {batch:,} / {minibatch:,} = {epochs * batch / minibatch:.4g} minibatches, "
            f"{side.value('num_minibatches')} are made",
            f"set train.minibatch_size = {nearest}",
        )


def accumulation_remainder(side: Side) -> Iterator[Finding]:
    minibatches, accumulate = side.value("num_minibatches"), side.sizes.accumulate
    if minibatches % accumulate:
        yield Finding(
            "accumulation-remainder",
            "warning",
            side.name,
            "the last minibatches of a round are applied in the next round",
            f"{minibatches} minibatches in steps of {accumulate}: {minibatches % accumulate} gradients left over",
            f"set train.max_minibatch_size = {side.sizes.minibatch_size * accumulate} so that nothing accumulates, or "
            f"a batch of a multiple of {side.sizes.minibatch_size * accumulate}",
        )


def carried_state(side: Side) -> Iterator[Finding]:
    total, rows = side.value("total_agents"), side.value("segments")
    recurrent = side.name == "puffer" and side.loaded.model.base.rnn_name is not None
    if recurrent and rows > total and rows % total == 0:
        yield Finding(
            "carried-state",
            "warning",
            "puffer",
            "later rows of an agent start from a carried LSTM state in the rollout and from zeros in the update",
            f"{rows // total} rows an agent: {1 - total / rows:.0%} of the rows have a wrong ratio before any update",
            "set train.batch_size = auto, which is one row an agent",
        )


def serial_drops(side: Side) -> Iterator[Finding]:
    if side.name == "puffer":
        vec = side.loaded.model.vec
        dropped = vec.num_envs - side.sizes.envs if vec.backend == "Serial" else 0
        setting = f"vec.num_envs = {vec.num_envs}, vec.batch_size = {vec.batch_size}"
        fix = f"set vec.batch_size = {vec.num_envs}"
    else:
        asked = side.sizes.envs_per_forward * side.loaded.model.trainer.async_factor
        dropped, setting = asked - side.sizes.envs, "one worker selects Serial, which builds one group"
        fix = "set trainer.async_factor=1, or two workers"
    if dropped > 0:
        yield Finding(
            "serial-drops-worlds",
            "warning",
            side.name,
            "Serial builds fewer worlds than asked",
            f"{side.sizes.envs:,} built, {dropped:,} not ({setting})",
            fix,
        )


def groups_in_turn(side: Side) -> Iterator[Finding]:
    if side.value("groups") > 1:
        yield Finding(
            "async-groups",
            "note",
            side.name,
            f"{side.value('groups')} groups of worlds take turns: one steps while the policy works on another",
            f"{side.value('envs'):,} worlds, {side.value('envs_per_forward'):,} in a forward pass of "
            f"{side.value('agents_per_forward'):,} agents",
            "nothing to mend; vec.batch_size = vec.num_envs or trainer.async_factor=1 would be synchronous",
        )


def repeated_seeds(side: Side) -> Iterator[Finding]:
    if side.name == "native" and side.version == "ours":
        return  # worlds of our trainer have seeds of their own
    if side.name == "puffer" and side.loaded.model.vec.backend == "PufferEnv":
        return
    distinct, built = side.value("distinct_env_seeds"), side.value("envs")
    if distinct < built:
        yield Finding(
            "env-seeds-repeat",
            "warning",
            side.name,
            "several worlds run on the same seed",
            f"{built:,} worlds on {side.value('workers')} workers use {distinct:,} distinct seeds",
            "derive the seed from the world's own index, as metta_puffer's environment does from seed and index",
        )


def unread_keys(side: Side) -> Iterator[Finding]:
    """Typos and dead keys one by one; what only upstream's own tools read in one note."""
    elsewhere = []
    for unread in side.loaded.unread:
        if unread.key.startswith(("defaults: ", "hyperparameter_scheduler")):
            continue  # findings of their own
        if unread.known and side.name == "native":
            elsewhere.append(unread)
            continue
        yield Finding(
            "unread-key",
            "warning" if unread.known else "error",
            side.name,
            f"nothing reads {unread.key}",
            f"{unread.key} = {unread.entry.value} in {unread.entry.source}.{unread.hint}",
            "remove it" if unread.known else "correct or remove it",
        )
    if elsewhere and side.version == "ours":
        yield Finding(
            "upstream-only-keys",
            "note",
            side.name,
            "keys of this file are for Metta's own tools and change nothing here",
            ", ".join(dict.fromkeys(unread.key.partition(".")[0] for unread in elsewhere)),
            "keep them or remove them; configs/native/metta.yaml lists every key that counts",
        )


def unresolved_defaults(side: Side) -> Iterator[Finding]:
    missing = [unread for unread in side.loaded.unread if unread.key.startswith("defaults: ")]
    if missing:
        yield Finding(
            "defaults-unresolved",
            "warning",
            side.name,
            "the file is composed of others that were not read, so keys may be missing or overridden",
            f"{', '.join(unread.key.removeprefix('defaults: ') for unread in missing)} in {missing[0].entry.source}",
            missing[0].hint.strip(),
        )


def final_rollouts(side: Side) -> Iterator[Finding]:
    collected = side.value("agent_steps_collected_per_epoch")
    if side.name == "puffer" and side.value("final_agent_steps") > side.value("total_epochs") * collected:
        yield Finding(
            "final-rollouts",
            "note",
            "puffer",
            "the stock loop ends with rollouts that count as agent-steps and train nothing",
            f"{FINAL_ROLLOUTS} x {collected:,} = {FINAL_ROLLOUTS * collected:,}; the last log says "
            f"{side.value('final_agent_steps'):,} for a budget of {side.value('total_timesteps'):,}",
            "take the score at the budget, not the last log; metta_puffer's own loop stops at the budget",
        )


def last_learning_rate(side: Side) -> Iterator[Finding]:
    if side.name == "puffer" and side.loaded.model.train.anneal_lr and side.value("total_epochs") > 1:
        first, last = side.value("learning_rate_first"), side.value("learning_rate_last")
        if last == 0:
            yield Finding(
                "last-round-idle",
                "note",
                "puffer",
                "the last round trains with learning rate 0",
                f"the cosine runs over {side.value('total_timesteps') // side.value('batch_size'):,} rounds, "
                f"{side.value('total_epochs'):,} are made (learning rate {first:g} to 0)",
                f"set train.total_timesteps to a multiple of {side.value('batch_size')}, or ignore one round in many",
            )


def clamped_reward(side: Side) -> Iterator[Finding]:
    if side.name != "puffer":
        return
    large = {k: v for k, v in side.loaded.model.env.options.items() if k.endswith("_reward") and _above_one(v)}
    if large:
        yield Finding(
            "reward-clamped",
            "warning",
            "puffer",
            "PuffeRL clamps every reward to [-1, 1], so larger ones are cut",
            ", ".join(f"env.{key} = {value}" for key, value in large.items()),
            f"divide all rewards by {max(abs(v) for v in large.values()):g}",
        )


def _above_one(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) > 1


def truncation_leak(side: Side) -> Iterator[Finding]:
    truncates = side.loaded.model.env.options.get("episode_truncates")
    ignores = side.name == "puffer" or side.version != "ours" or side.loaded.model.trainer.truncation == "ignore"
    if truncates is True and ignores:
        yield Finding(
            "truncation-leak",
            "warning",
            side.name,
            "a truncated episode does not cut the advantage: the next episode's value leaks into the old one",
            "env.episode_truncates = True, and truncations are ignored",
            "set env.episode_truncates = False"
            + (", or trainer.truncation=bootstrap" if side.name == "native" else ""),
        )


def repeated_sampling(side: Side) -> Iterator[Finding]:
    seen = side.value("seen_fraction")
    if seen < 0.999:  # every row is drawn in practice
        yield Finding(
            "rows-drawn-again",
            "warning",
            side.name,
            "minibatches are drawn independently, so many rows are never trained on and others several times",
            f"{side.value('num_minibatches')} draws of {side.value('minibatch_segments'):,} of "
            f"{side.value('segments'):,} rows: {seen:.1%} expected to be seen at least once"
            + (" when rows have equal priority" if _priority(side) else ""),
            "set trainer.sampling=sequential"
            if side.version == "ours"
            else f"{side.trainer} has no other way; our native trainer has trainer.sampling=sequential",
        )


def _priority(side: Side) -> bool:
    if side.name == "puffer":
        return bool(side.loaded.model.train.prio_alpha > 0)
    return bool(side.loaded.model.trainer.prioritized_experience_replay.prio_alpha > 0)


def recv_arity(side: Side) -> Iterator[Finding]:
    if side.name != "puffer":
        return
    installed = _installed_pufferlib()
    if installed and installed in RECV_ITEMS and RECV_ITEMS[installed] != RECV_ITEMS[side.version]:
        yield Finding(
            "recv-arity",
            "error",
            "puffer",
            "the installed PufferLib hands out other tuples than the one audited",
            f"recv() returns {RECV_ITEMS[side.version]} items in {side.version} and {RECV_ITEMS[installed]} in the "
            f"installed {installed}",
            f"audit with --puffer-version {installed}, or install {side.version}",
        )


def _installed_pufferlib() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    for name in ("pufferlib-core", "pufferlib"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def agent_step_units(side: Side) -> Iterator[Finding]:
    agents, batch = side.value("agents_per_env"), side.value("batch_size")
    if agents > 1:
        yield Finding(
            "agent-step-units",
            "note",
            side.name,
            "batch_size, minibatch_size and total_timesteps count one agent acting once; do not multiply by agents",
            f"{batch:,} agent-steps are {batch / agents:,.0f} world steps of {agents} agents, not {batch * agents:,} "
            "experiences",
            "name the unit wherever such a number is written down",
        )


def agents_unstated(side: Side) -> Iterator[Finding]:
    source = side.quantities["agents_per_env"].inputs[0].source
    if side.name == "puffer" and source.startswith("not in the file"):
        yield Finding(
            "agents-unstated",
            "note",
            "puffer",
            "the file does not say how many agents a world has",
            f"{side.value('agents_per_env')} assumed, as in the published environment",
            "add env.num_agents, or give --puffer-agents N",
        )


def forward_target_missed(side: Side) -> Iterator[Finding]:
    if side.name != "native":
        return
    target = side.loaded.model.trainer.forward_pass_minibatch_target_size
    agents = side.value("agents_per_forward")
    if not 0.9 * target <= agents <= target:
        yield Finding(
            "forward-target-missed",
            "note",
            "native",
            "a forward pass holds another number of agents than wanted",
            f"{agents:,} against forward_pass_minibatch_target_size = {target:,}: {side.value('envs_per_forward'):,} "
            f"worlds of {side.value('agents_per_env')} agents in multiples of {side.value('workers')} workers",
            "set trainer.num_workers to a divisor of the worlds wanted, or raise the target",
        )


def frozen_scheduler(side: Side) -> Iterator[Finding]:
    if side.name == "native" and any(u.key.startswith("hyperparameter_scheduler") for u in side.loaded.unread):
        rate = side.value("learning_rate_first")
        yield Finding(
            "scheduler-never-called",
            "warning",
            "native",
            "the schedules in this file never run: learning rate and clips stay constant",
            f"hyperparameter_scheduler is present, learning rate {rate:g} from the first to the last epoch",
            "remove the block"
            + (", or set trainer.optimizer.learning_rate_schedule=cosine" if side.version == "ours" else ""),
        )


def checkpoint_never(side: Side) -> Iterator[Finding]:
    model = side.loaded.model
    puffer = side.name == "puffer"
    interval = model.train.checkpoint_interval if puffer else model.checkpoint.checkpoint_interval
    epochs = side.value("total_epochs")
    if interval > epochs:
        yield Finding(
            "checkpoint-after-the-end",
            "note",
            side.name,
            "no checkpoint falls inside the run; only the last one is written",
            f"every {interval} epochs of {epochs:,}",
            f"set {'train' if puffer else 'checkpoint'}.checkpoint_interval = {max(1, epochs // 10)}",
        )


def tiny_batch(side: Side) -> Iterator[Finding]:
    minibatches = side.value("num_minibatches")
    if minibatches == 1:
        yield Finding(
            "one-minibatch",
            "note",
            side.name,
            "one minibatch a round: the policy ratio is 1 in every update, so clipping never acts",
            f"batch {side.value('batch_size'):,}, minibatch {side.value('minibatch_size'):,}",
            "lower the minibatch size, or raise update_epochs, if PPO's clipping is wanted",
        )


def horizon_memory(side: Side) -> Iterator[Finding]:
    """Rewards further away than the row reaches are seen only through the value of its last column."""
    model = side.loaded.model
    loss = model.train if side.name == "puffer" else model.trainer.ppo
    decay = loss.gamma * loss.gae_lambda
    reach = math.inf if decay >= 1 else 1 / (1 - decay)
    horizon = side.value("bptt_horizon")
    if reach > horizon:
        yield Finding(
            "horizon-short",
            "note",
            side.name,
            "advantages reach further than a row is long, so they lean on the value at its end",
            f"gamma x lambda = {decay:.4g} averages over about {reach:.0f} agent-steps, a row has {horizon}",
            f"set bptt_horizon to at least {math.ceil(reach) if reach < 4096 else 4096}, or lower gae_lambda",
        )


def upstream_single_worker_target(side: Side) -> Iterator[Finding]:
    if upstream_native(side) and side.value("workers") > side.machine.logical_cpus // 2:
        yield Finding(
            "auto-workers-count-threads",
            "note",
            "native",
            "upstream sizes its workers by logical CPUs and PufferLib refuses by physical cores",
            f"{side.value('workers')} workers, {side.machine.physical_cores} physical cores, "
            f"{side.machine.logical_cpus} logical CPUs",
            f"set trainer.num_workers to at most {side.machine.physical_cores}",
        )


PAIR_RULES: tuple[PairRule, ...] = (
    agent_count_mismatch,
    budgets_differ,
    updates_per_data,
    epochs_incomparable,
    one_sided_priority,
    rules_differ,
)
SIDE_RULES: tuple[Rule, ...] = (
    impossible_sizes,
    spliced_rows,
    batch_remainder,
    minibatch_remainder,
    accumulation_remainder,
    carried_state,
    serial_drops,
    unread_keys,
    unresolved_defaults,
    frozen_scheduler,
    repeated_seeds,
    repeated_sampling,
    clamped_reward,
    truncation_leak,
    recv_arity,
    forward_target_missed,
    upstream_single_worker_target,
    groups_in_turn,
    agents_unstated,
    agent_step_units,
    final_rollouts,
    last_learning_rate,
    checkpoint_never,
    tiny_batch,
    horizon_memory,
)

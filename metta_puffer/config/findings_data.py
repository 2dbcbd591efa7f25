"""Findings about one side's sizes and data: what stops a run, and what the data is not."""

import math
from collections.abc import Iterator

from metta_puffer.config import arithmetic as a
from metta_puffer.config.finding import Finding
from metta_puffer.config.sides import Side


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

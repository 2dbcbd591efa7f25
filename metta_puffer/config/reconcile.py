"""Turns two configurations into a fair pair that trains as it is: what changed, why, and what still differs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from metta_puffer.config import arithmetic as a
from metta_puffer.config.audit import Audit, audit
from metta_puffer.config.differences import RuleDifference, differing_rules
from metta_puffer.config.pair import SIDES, Change, Pair, SideName, value_of
from metta_puffer.config.puffer_sizes import PUBLISHED_AGENTS_PER_ENV
from metta_puffer.config.sides import Side

Match = Literal["total-agents", "agents-per-world", "batch", "gradient-updates", "data-per-gradient", "everything"]
MATCHES: tuple[Match, ...] = (
    "total-agents",
    "agents-per-world",
    "batch",
    "gradient-updates",
    "data-per-gradient",
    "everything",
)
# Keys that mean the same on both sides: (puffer, native).
SAME_KEYS = (
    ("train.total_timesteps", "trainer.total_timesteps"),
    ("train.update_epochs", "trainer.update_epochs"),
    ("train.learning_rate", "trainer.optimizer.learning_rate"),
    ("train.adam_beta1", "trainer.optimizer.beta1"),
    ("train.adam_beta2", "trainer.optimizer.beta2"),
    ("train.adam_eps", "trainer.optimizer.eps"),
    ("train.gamma", "trainer.ppo.gamma"),
    ("train.gae_lambda", "trainer.ppo.gae_lambda"),
    ("train.clip_coef", "trainer.ppo.clip_coef"),
    ("train.vf_clip_coef", "trainer.ppo.vf_clip_coef"),
    ("train.vf_coef", "trainer.ppo.vf_coef"),
    ("train.ent_coef", "trainer.ppo.ent_coef"),
    ("train.max_grad_norm", "trainer.ppo.max_grad_norm"),
    ("train.vtrace_rho_clip", "trainer.vtrace.vtrace_rho_clip"),
    ("train.vtrace_c_clip", "trainer.vtrace.vtrace_c_clip"),
    ("train.prio_alpha", "trainer.prioritized_experience_replay.prio_alpha"),
    ("train.prio_beta0", "trainer.prioritized_experience_replay.prio_beta0"),
    ("train.checkpoint_interval", "checkpoint.checkpoint_interval"),
    ("train.seed", "seed"),
    ("train.precision", "precision"),
    ("train.compile", "trainer.compile"),
    ("env.game", "env.game"),
    ("env.engine", "env.engine"),
)
# What PuffeRL always does; our trainer has a key for each.
PUFFER_RULES: Mapping[str, Any] = {
    "trainer.reward_clamp": 1.0,
    "trainer.row_policy": "exact",
    "trainer.sampling": "multinomial",
    "trainer.advantage_refresh": "minibatch",
    "trainer.actor_advantage": "cached",
    "trainer.truncation": "ignore",
    "trainer.row_end": "ignore",
    "trainer.rollout_state": "reset",
    "trainer.training_state": "zeros",
    "trainer.reward_centering": None,
    "trainer.reset_state_on_done": False,
    "trainer.ppo.norm_adv": True,
    "trainer.ppo.clip_vloss": True,
    "trainer.ppo.target_kl": None,
    "trainer.optimizer.weight_decay": 0.0,
    "trainer.schedules": [],
    "trainer.losses": [],
    "trainer.ppo.pg_coef": 1.0,
    "trainer.ppo.l2_reg_loss_coef": 0.0,
    "trainer.ppo.l2_init_loss_coef": 0.0,
}


@dataclass(frozen=True)
class Reconciled:
    match: Match
    toward: SideName
    changes: tuple[Change, ...]
    constraints: tuple[str, ...]
    still_different: tuple[RuleDifference, ...]
    audit: Audit


def reconcile(pair: Pair, match: Match, toward: SideName) -> Reconciled:
    """`toward` names the side whose numbers are kept. `constraints` is empty when the wish is met exactly."""
    _state_agents(pair)
    _make_runnable(pair)
    other: SideName = "native" if toward == "puffer" else "puffer"
    STRATEGIES[match](pair, toward, other)
    _make_runnable(pair)
    result = audit(pair.puffer, pair.native)
    return Reconciled(
        match,
        toward,
        tuple(pair.changes()),
        tuple(pair.constraints),
        tuple(differing_rules(pair.puffer, pair.native)),
        result,
    )


def _state_agents(pair: Pair) -> None:
    if pair.puffer.loaded.model.env.num_agents is None:
        pair.set("puffer", "env.num_agents", PUBLISHED_AGENTS_PER_ENV, "written down; the file left it open")


def _make_runnable(pair: Pair) -> None:
    """Mends what would stop either side on this machine, without touching the quantities that were matched."""
    fit = "as many as this machine's cores and the divisibility rules allow"
    puffer = pair.puffer
    if {"workers-over-cores", "workers-uneven", "forward-uneven"} & {p.finding for p in puffer.sizes.problems}:
        pair.set("puffer", "vec.num_workers", "fit", fit)
    if puffer.loaded.model.train.device == "cuda" and not pair.machine.gpus:
        pair.set("puffer", "train.device", "auto", "this machine has no GPU")
    native = pair.native
    if {"workers-over-cores", "workers-uneven"} & {p.finding for p in native.sizes.problems}:
        pair.set("native", "trainer.num_workers", None, fit)
    if native.loaded.model.device == "cuda" and not pair.machine.gpus:
        pair.set("native", "device", "auto", "this machine has no GPU")
    pair.set("native", "trainer.row_policy", "exact", "whole rows for every agent, nothing overwritten or spliced")
    _whole_rows(pair, "puffer")
    _whole_rows(pair, "native")


def _whole_rows(pair: Pair, name: SideName) -> None:
    side = pair.side(name)
    horizon, total = side.value("bptt_horizon"), side.value("total_agents")
    prefix = "train" if name == "puffer" else "trainer"
    asked = getattr(side.loaded.model, prefix)
    rows = a.nearest_multiple(asked.batch_size // horizon, total) if asked.batch_size != "auto" else total
    minibatch_rows = max(1, min(rows, round(asked.minibatch_size / horizon)))
    if name == "native" or rows % minibatch_rows:
        minibatch_rows = a.nearest_divisor(rows, minibatch_rows)
    why = f"whole rows of {horizon} agent-steps for each of {total:,} agents"
    if asked.batch_size != "auto":
        pair.set(name, f"{prefix}.batch_size", rows * horizon, why)
    pair.set(name, f"{prefix}.minibatch_size", minibatch_rows * horizon, "divides the batch into whole rows")
    _no_accumulation(pair, name, minibatch_rows * horizon)
    if asked.total_timesteps < rows * horizon:
        pair.set(name, f"{prefix}.total_timesteps", rows * horizon, "at least one batch")


def _set_worlds(pair: Pair, name: SideName, worlds_per_group: int, groups: int, why: str) -> None:
    """`groups` groups of `worlds_per_group` worlds on one side."""
    agents = pair.side(name).value("agents_per_env")
    if name == "native":
        pair.set("native", "trainer.async_factor", groups, why)
        pair.set("native", "trainer.forward_pass_minibatch_target_size", worlds_per_group * agents, why)
        workers = a.fitting_workers(worlds_per_group * groups, worlds_per_group, pair.machine.physical_cores)
        pair.set("native", "trainer.num_workers", workers, "each group is whole workers")
        return
    # Any number of groups works so, and no two worlds share a seed.
    why = f"{why}; one environment object a group"
    pair.set("puffer", "env.num_worlds", worlds_per_group, why)
    pair.set("puffer", "vec.num_envs", groups, why)
    pair.set("puffer", "vec.batch_size", 1, why)
    pair.set("puffer", "vec.num_workers", 1 if groups == 1 else "fit", "one environment object a worker")
    pair.set("puffer", "vec.backend", "PufferEnv" if groups == 1 else "Multiprocessing", "groups take turns")


def _match_agents_per_world(pair: Pair, toward: SideName, other: SideName) -> None:
    agents = pair.side(toward).value("agents_per_env")
    pair.set(other, "env.num_agents", agents, f"the {toward} side's agents a world")


def _match_total_agents(pair: Pair, toward: SideName, other: SideName) -> None:
    wanted = pair.side(toward).value("total_agents")
    unit = _least_agents(pair.side(other))
    if wanted % unit == 0:
        _set_total(pair, other, wanted, f"{wanted:,} agents in total")
        return
    common = math.lcm(unit, _least_agents(pair.side(toward)))
    nearest = a.nearest_multiple(wanted, common)
    pair.constraints.append(
        f"{wanted:,} agents are no multiple of {_least_words(pair.side(other))} on the {other} side; "
        f"the nearest total that both can have is {nearest:,}"
    )
    for name in SIDES:
        _set_total(pair, name, nearest, f"{nearest:,} agents in total on both sides")


def _least_agents(side: Side) -> int:
    """Agents when every group holds one world."""
    return int(side.value("agents_per_env") * side.value("groups"))


def _least_words(side: Side) -> str:
    return f"{side.value('groups')} groups of {side.value('agents_per_env')} agents"


def _set_total(pair: Pair, name: SideName, total: int, why: str) -> None:
    side = pair.side(name)
    _set_worlds(pair, name, total // _least_agents(side), side.value("groups"), why)
    _set_rows(pair, name, total * max(1, round(side.value("segments") / total)), why)


def _set_rows(pair: Pair, name: SideName, rows: int, why: str) -> None:
    prefix = "train" if name == "puffer" else "trainer"
    pair.set(name, f"{prefix}.batch_size", rows * pair.side(name).value("bptt_horizon"), why)


def _match_batch(pair: Pair, toward: SideName, other: SideName) -> None:
    base, side = pair.side(toward), pair.side(other)
    horizon, rows = base.value("bptt_horizon"), base.value("segments")
    unit = _least_agents(side)
    names: tuple[SideName, ...] = (other,)
    if rows % unit:
        nearest = a.nearest_multiple(rows, math.lcm(unit, _least_agents(base)))
        pair.constraints.append(
            f"{rows:,} rows are no multiple of {_least_words(side)} on the {other} side; "
            f"the nearest batch that both can have is {nearest:,} rows of {horizon} agent-steps"
        )
        rows, names = nearest, SIDES
    why = f"{rows:,} rows of {horizon} agent-steps on both sides"
    for name in names:
        least, wanted = _least_agents(pair.side(name)), pair.side(name).value("total_agents")
        if rows % wanted:
            worlds = a.nearest_divisor(rows // least, max(1, round(wanted / least)))
            _set_worlds(pair, name, worlds, pair.side(name).value("groups"), f"agents that divide {rows:,} rows")
    minibatch_rows = a.nearest_divisor(rows, base.value("minibatch_segments"))
    for name in SIDES:
        prefix = "train" if name == "puffer" else "trainer"
        pair.set(name, f"{prefix}.bptt_horizon", horizon, why)
        pair.set(name, f"{prefix}.batch_size", rows * horizon, why)
        pair.set(name, f"{prefix}.minibatch_size", minibatch_rows * horizon, why)
        pair.set(name, f"{prefix}.update_epochs", base.value("update_epochs"), "as many passes on both sides")
        _no_accumulation(pair, name, minibatch_rows * horizon)


def _no_accumulation(pair: Pair, name: SideName, minibatch: int) -> None:
    if name == "puffer" and pair.side("puffer").loaded.model.train.max_minibatch_size < minibatch:
        pair.set("puffer", "train.max_minibatch_size", minibatch, "one update a minibatch, as native")


def _match_gradient_updates(pair: Pair, toward: SideName, other: SideName) -> None:
    wanted = pair.side(toward).value("gradient_updates_per_epoch")
    why = f"{wanted:,} gradient updates a round"
    _set_epochs(pair, other, wanted)
    cuts = wanted // pair.side(other).value("update_epochs")
    _fit_rows(pair, other, cuts, why)
    side = pair.side(other)
    _set_minibatch(pair, other, side.value("segments") // cuts, why)


def _match_data_per_gradient(pair: Pair, toward: SideName, other: SideName) -> None:
    base, side = pair.side(toward), pair.side(other)
    ratio = base.value("agent_steps_collected_per_gradient")
    horizon = side.value("bptt_horizon")
    rows = ratio * side.value("update_epochs") / horizon
    if rows != int(rows) or rows < 1:
        nearest = max(1, round(rows))
        pair.constraints.append(
            f"{ratio:,.6g} collected agent-steps an update are no whole rows of {horizon} agent-steps on the {other} "
            f"side; the nearest is {nearest * horizon / side.value('update_epochs'):,.6g}"
        )
        rows = nearest
    why = f"one gradient update for {ratio:,.6g} collected agent-steps"
    _fit_rows(pair, other, int(rows), why)
    _set_minibatch(pair, other, int(rows), why)


def _set_epochs(pair: Pair, name: SideName, updates: int) -> None:
    """Lowers update_epochs where it does not divide the updates wanted."""
    prefix = "train" if name == "puffer" else "trainer"
    epochs = pair.side(name).value("update_epochs")
    if updates % epochs:
        pair.set(name, f"{prefix}.update_epochs", a.nearest_divisor(updates, epochs), f"divides {updates:,} updates")


def _fit_rows(pair: Pair, name: SideName, unit: int, why: str) -> None:
    """Worlds and rows of one side nearest to what they are, with rows a multiple of `unit` and of the agents."""
    side = pair.side(name)
    rows, total, least = side.value("segments"), side.value("total_agents"), _least_agents(side)
    if rows % unit == 0 and rows % total == 0:
        return
    step = unit // math.gcd(unit, least)
    worlds = a.nearest_multiple(max(1, round(total / least)), step)
    _set_worlds(pair, name, worlds, side.value("groups"), f"rows that divide: {why}")
    total = worlds * least
    _set_rows(pair, name, total * max(1, round(rows / total)), why)


def _set_minibatch(pair: Pair, name: SideName, rows: int, why: str) -> None:
    prefix = "train" if name == "puffer" else "trainer"
    minibatch = rows * pair.side(name).value("bptt_horizon")
    pair.set(name, f"{prefix}.minibatch_size", minibatch, why)
    _no_accumulation(pair, name, minibatch)


def _match_everything(pair: Pair, toward: SideName, other: SideName) -> None:
    base = pair.side(toward)
    kept = f"as on the {toward} side"
    fixed = "PuffeRL always does this"
    _same_game(pair, toward, other, kept)
    agents, groups, worlds = (base.value(n) for n in ("agents_per_env", "groups", "envs_per_forward"))
    pair.set(other, "env.num_agents", agents, kept)
    for name in SIDES:
        _set_worlds(pair, name, worlds, groups, kept)
    for puffer_key, native_key in SAME_KEYS:
        keys: dict[SideName, str] = {"puffer": puffer_key, "native": native_key}
        pair.set(other, keys[other], value_of(base.loaded, keys[toward]), kept)
    settings = {setting.key for setting in pair.native.loaded.settings()}
    for key, value in PUFFER_RULES.items():
        if key in settings:
            pair.set("native", key, value, fixed)
    _same_optimizer(pair, toward)
    # One row an agent: with more, a recurrent policy starts the later rows differently on the two sides.
    horizon, total = base.value("bptt_horizon"), agents * groups * worlds
    recurrent = pair.puffer.loaded.model.base.rnn_name is not None
    rows = total if recurrent else a.nearest_multiple(base.value("segments"), total)
    minibatch_rows = a.nearest_divisor(rows, min(rows, base.value("minibatch_segments")))
    why = f"{rows:,} rows, {rows // total} for each agent"
    for name in SIDES:
        prefix = "train" if name == "puffer" else "trainer"
        pair.set(name, f"{prefix}.bptt_horizon", horizon, why)
        pair.set(name, f"{prefix}.batch_size", rows * horizon, why)
        pair.set(name, f"{prefix}.minibatch_size", minibatch_rows * horizon, "divides the rows")
        budget = a.nearest_multiple(base.value("total_timesteps"), rows * horizon)
        pair.set(name, f"{prefix}.total_timesteps", budget, "whole rounds, so that both schedules end together")
        _no_accumulation(pair, name, minibatch_rows * horizon)


def _same_game(pair: Pair, toward: SideName, other: SideName, kept: str) -> None:
    base, side = pair.side(toward).loaded.model, pair.side(other).loaded.model
    for key in {**base.env.options, **side.env.options}:
        if key in base.env.options:
            pair.set(other, f"env.{key}", base.env.options[key], kept)
        else:
            pair.set(toward, f"env.{key}", side.env.options[key], f"as on the {other} side, which alone sets it")
    if toward == "puffer":
        name = "fast" if base.base.policy_name == "Policy" else base.base.policy_name
        pair.set("native", "policy.name", name, kept)
        pair.set("native", "policy.recurrent", base.base.rnn_name is not None, kept)
        options = {**base.policy.options, **base.rnn.options}
    else:
        pair.set("puffer", "base.policy_name", base.policy.name, kept)
        pair.set("puffer", "base.rnn_name", "Recurrent" if base.policy.recurrent else None, kept)
        options = base.policy.options
    for key, value in options.items():
        pair.set(other, f"policy.{key}", value, kept)


def _same_optimizer(pair: Pair, toward: SideName) -> None:
    model = pair.side(toward).loaded.model
    if toward == "puffer":
        pair.set("native", "trainer.optimizer.type", model.train.optimizer, "as on the puffer side")
        schedule = "cosine" if model.train.anneal_lr else "constant"
        pair.set("native", "trainer.optimizer.learning_rate_schedule", schedule, "as on the puffer side")
        return
    optimizer = model.trainer.optimizer
    kind = optimizer.type
    if kind not in ("adam", "muon"):
        pair.constraints.append(f"PuffeRL knows adam and muon, not {kind}; nearest is adam on both sides")
        kind = "adam"
        pair.set("native", "trainer.optimizer.type", kind, "PuffeRL has no other near it")
    pair.set("puffer", "train.optimizer", kind, "as on the native side")
    pair.set("puffer", "train.anneal_lr", optimizer.learning_rate_schedule == "cosine", "as on the native side")


STRATEGIES: Mapping[Match, Callable[[Pair, SideName, SideName], None]] = {
    "total-agents": _match_total_agents,
    "agents-per-world": _match_agents_per_world,
    "batch": _match_batch,
    "gradient-updates": _match_gradient_updates,
    "data-per-gradient": _match_data_per_gradient,
    "everything": _match_everything,
}


def write_pair(pair: Pair, folder: str | Path, heading: str) -> tuple[Path, Path]:
    """Writes puffer.ini and native.yaml, complete and readable on their own. Raises UserError where it cannot."""
    from metta_puffer.config.writing import write_ini, write_yaml

    folder = Path(folder)
    return (
        write_ini(folder / "puffer.ini", pair.puffer.loaded.model, heading),
        write_yaml(folder / "native.yaml", pair.native.loaded.model, heading),
    )

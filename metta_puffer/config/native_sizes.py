"""Sizes of a native run: as Metta's trainer computes them, or as ours does. Never raises."""

from dataclasses import dataclass

from metta_puffer.config import arithmetic as a
from metta_puffer.config.machine import Machine
from metta_puffer.config.native_model import NativeConfig, Trainer
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sizes import Checks, Sizes


@dataclass(frozen=True)
class _Worlds:
    envs: int
    workers: int
    per_forward: int


@dataclass(frozen=True)
class _Rows:
    batch_size: int
    minibatch_size: int
    segments: int
    minibatch_segments: int


def native_sizes(
    loaded: Loaded[NativeConfig],
    machine: Machine,
    agents: int | None = None,
    workers: int | None = None,
    semantics: a.Semantics = "ours",
) -> Sizes:
    """Sizes of one rank. `agents` and `workers` replace the file's. `semantics`: upstream's of that month, or ours."""
    trainer = _of_rank(loaded.model.trainer, machine.ranks)
    checks = Checks(loaded)
    agents_per_env = agents or loaded.model.env.num_agents
    worlds = _worlds(trainer, agents_per_env, checks, workers=workers, machine=machine, semantics=semantics)
    total = a.total_agents(worlds.envs, agents_per_env)
    rows = _rows(trainer, total, semantics, checks)
    if rows.minibatch_size == 1 and trainer.ppo.norm_adv:
        checks.problem(
            "minibatch-one-step",
            "trainer.minibatch_size",
            "advantages of a single agent-step have no spread to be normalized by, so the loss is not finite",
            "set at least 2 agent-steps that divide the batch, or trainer.ppo.norm_adv=false",
        )
    round_agent_steps = a.all_ranks(rows.batch_size, machine.ranks)
    if semantics == "ours" and trainer.total_timesteps < round_agent_steps:
        checks.problem(
            "budget-below-batch",
            "trainer.total_timesteps",
            f"below one batch of {round_agent_steps} agent-steps",
            f"set at least {round_agent_steps}",
        )
    if loaded.model.device.startswith("cuda") and not machine.gpus:
        checks.problem("no-gpu", "device", "this machine has no GPU", "set auto or cpu")
    horizon = trainer.bptt_horizon
    group_count = a.groups(worlds.envs, worlds.per_forward)
    if total <= rows.segments:
        allocation = a.allocate_rows(rows.segments, worlds.per_forward * agents_per_env, group_count, horizon)
        collected = allocation.collected
    else:
        collected = rows.segments * horizon
    return Sizes(
        agents_per_env=agents_per_env,
        worlds_per_env=1,
        envs=worlds.envs,
        workers=worlds.workers,
        envs_per_forward=worlds.per_forward,
        batch_size=rows.batch_size,
        minibatch_size=rows.minibatch_size,
        bptt_horizon=horizon,
        segments=rows.segments,
        minibatch_segments=rows.minibatch_segments,
        num_minibatches=a.native_num_minibatches(trainer.update_epochs, rows.segments, rows.minibatch_segments),
        accumulate=1,
        update_epochs=trainer.update_epochs,
        collected=collected,
        total_timesteps=trainer.total_timesteps,
        ranks=machine.ranks,
        problems=checks.problems,
        notes=checks.notes,
    )


def _of_rank(trainer: Trainer, ranks: int) -> Trainer:
    if ranks == 1 or not trainer.scale_batches_by_world_size:
        return trainer
    scaled = ("batch_size", "forward_pass_minibatch_target_size")
    return trainer.model_copy(update={name: a.share_of_rank(getattr(trainer, name), ranks) for name in scaled})


def _worlds(
    trainer: Trainer,
    agents_per_env: int,
    checks: Checks,
    *,
    workers: int | None,
    machine: Machine,
    semantics: a.Semantics,
) -> _Worlds:
    ours = semantics == "ours"
    asked = workers or trainer.num_workers
    workers = asked or a.native_auto_workers(machine.logical_cpus, machine.gpus, semantics)
    target = trainer.forward_pass_minibatch_target_size
    per_forward = a.native_envs_per_forward(target, agents_per_env, workers, semantics, trainer.async_factor)
    envs = a.native_envs(per_forward, trainer.async_factor)
    if ours and not asked:
        workers = a.fitting_workers(envs, per_forward, min(workers, machine.physical_cores))
    if workers > machine.physical_cores and not (ours and trainer.overwork):
        checks.problem(
            "workers-over-cores",
            "trainer.num_workers",
            f"{workers} workers on {machine.physical_cores} physical cores",
            f"set at most {machine.physical_cores}" + (", or trainer.overwork=true" if ours else ""),
            None if ours else f"num_workers ({workers}) > hardware cores ({machine.physical_cores}) is disallowed",
        )
    elif ours and workers > 1 and not a.workers_fit(workers, envs, per_forward):
        checks.problem(
            "workers-uneven",
            "trainer.num_workers",
            f"{workers} workers cannot share {envs} worlds so that a group of {per_forward} is whole workers",
            f"set null, or {a.fitting_workers(envs, per_forward, workers)}",
        )
    if not ours and workers == 1 and envs > per_forward:
        checks.notes.append(f"one worker means Serial, which builds one group: {per_forward} of {envs} worlds")
        envs = per_forward
    return _Worlds(envs, workers, per_forward)


def _rows(trainer: Trainer, total: int, semantics: a.Semantics, checks: Checks) -> _Rows:
    ours = semantics == "ours"
    batch_size, minibatch, horizon = trainer.batch_size, trainer.minibatch_size, trainer.bptt_horizon
    rows = a.segments(batch_size, horizon)
    minibatch_rows = max(1, a.minibatch_segments(minibatch, horizon))
    found = len(checks.problems)
    if minibatch > batch_size:
        checks.problem(
            "minibatch-over-batch",
            "trainer.minibatch_size",
            f"larger than the batch of {batch_size} agent-steps",
            f"set at most {batch_size}",
            None if ours else "minibatch_size must be <= batch_size",
        )
    if minibatch % horizon:
        checks.problem(
            "minibatch-no-rows",
            "trainer.minibatch_size",
            f"{minibatch} agent-steps are no whole rows of bptt_horizon = {horizon}",
            f"set {a.nearest_multiple(minibatch, horizon)}",
            None if ours else f"minibatch_size {minibatch} must be divisible by bptt_horizon {horizon}",
        )
    if total > rows:
        checks.problem(
            "segments-fewer-than-agents",
            "trainer.batch_size",
            f"{rows} segments of {horizon} agent-steps are fewer than the {total} agents",
            f"set at least {a.auto_batch_size(total, horizon)}, or lower trainer.forward_pass_minibatch_target_size",
            None if ours else f"batch_size ({batch_size}) is too small for {total} agents",
        )
    if len(checks.problems) > found:
        return _Rows(batch_size, minibatch, rows, minibatch_rows)
    if ours and trainer.row_policy == "exact":
        return _exact_rows(trainer, total, checks)
    if batch_size % minibatch:
        checks.problem(
            "minibatch-uneven",
            "trainer.minibatch_size",
            f"does not divide the batch of {batch_size} agent-steps",
            f"set {a.nearest_divisor(rows, minibatch_rows) * horizon}",
            None if ours else "batch_size must be divisible by minibatch_size",
        )
    elif rows % minibatch_rows:
        checks.problem(
            "minibatch-uneven",
            "trainer.minibatch_size",
            f"{minibatch_rows} rows do not divide the {rows} rows of the buffer",
            f"set {a.nearest_divisor(rows, minibatch_rows) * horizon}",
            None if ours else f"segments ({rows}) must be divisible by minibatch_segments ({minibatch_rows})",
        )
    return _Rows(batch_size, minibatch, rows, minibatch_rows)


def _exact_rows(trainer: Trainer, total: int, checks: Checks) -> _Rows:
    """The nearest sizes at which every agent fills whole rows and minibatches divide them."""
    horizon = trainer.bptt_horizon
    rows = a.nearest_multiple(a.segments(trainer.batch_size, horizon), total)
    minibatch_rows = a.nearest_divisor(rows, a.minibatch_segments(trainer.minibatch_size, horizon))
    batch_size, minibatch = rows * horizon, minibatch_rows * horizon
    for key, asked, taken in (
        ("batch", trainer.batch_size, batch_size),
        ("minibatch", trainer.minibatch_size, minibatch),
    ):
        if asked != taken:
            checks.notes.append(
                f"row_policy exact: {key}_size {taken:,} instead of {asked:,}, so that each of {total:,} agents "
                f"fills {rows // total} whole rows of {horizon} agent-steps"
            )
    return _Rows(batch_size, minibatch, rows, minibatch_rows)

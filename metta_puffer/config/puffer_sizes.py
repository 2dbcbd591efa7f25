"""Sizes of a PuffeRL run, as pufferlib.vector.make and PuffeRL's constructor compute them. Never raises."""

from dataclasses import dataclass

from metta_puffer.config import arithmetic as a
from metta_puffer.config.machine import Machine
from metta_puffer.config.puffer_model import PufferConfig, Train
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sizes import Checks, Sizes

PUBLISHED_AGENTS_PER_ENV = 64  # of the metta environment beside the published ini, which does not say it
_HORIZON_WHEN_UNKNOWN = 64  # only keeps the report going when both sizes are auto


@dataclass(frozen=True)
class _Vectors:
    envs: int
    workers: int
    batch_envs: int


def puffer_sizes(
    loaded: Loaded[PufferConfig], machine: Machine, agents: int | None = None, *, stock: bool = False
) -> Sizes:
    """Sizes of one rank. `agents` replaces env.num_agents, which published files leave to the environment.

    `stock`: PufferLib's own loop, in which every rank trains the whole budget; in ours the ranks share it.
    """
    env, train = loaded.model.env, loaded.model.train
    checks = Checks(loaded)
    vectors = _vectors(loaded.model, machine, checks)
    agents_per_world = agents or env.num_agents or PUBLISHED_AGENTS_PER_ENV
    agents_per_env = agents_per_world * env.num_worlds
    total = a.total_agents(vectors.envs, agents_per_env)
    per_forward = a.total_agents(min(vectors.batch_envs, vectors.envs), agents_per_env)
    batch_size, horizon = _buffer(train, total, checks)
    rows = a.segments(batch_size, horizon)
    group_count = a.groups(total, per_forward)
    collected = a.agent_steps_held(rows, horizon)
    if total > rows:
        checks.problem(
            "segments-fewer-than-agents",
            "train.batch_size",
            f"{rows} segments of {horizon} agent-steps are fewer than the {total} agents",
            f"set auto, or at least {a.auto_batch_size(total, horizon)}",
            f"Total agents {total} <= segments {rows}",
        )
    else:
        collected = _check_rows(rows, per_forward, group_count, horizon, checks)
    minibatch = a.effective_minibatch(train.minibatch_size, train.max_minibatch_size)
    _check_minibatch(train, batch_size, horizon, checks)
    budget = train.total_timesteps if stock else a.budget_of_rank(train.total_timesteps, machine.ranks)
    if budget < batch_size:
        least = batch_size if stock else a.all_ranks(batch_size, machine.ranks)
        checks.problem(
            "budget-below-batch",
            "train.total_timesteps",
            f"below one batch of {least} agent-steps",
            f"set at least {least}",
            "ZeroDivisionError in the first train()",
        )
    if train.device.startswith("cuda") and not machine.gpus:
        checks.problem("no-gpu", "train.device", "this machine has no GPU", "set auto or cpu")
    return Sizes(
        agents_per_env=agents_per_env,
        worlds_per_env=env.num_worlds,
        envs=vectors.envs,
        workers=vectors.workers,
        envs_per_forward=min(vectors.batch_envs, vectors.envs),
        batch_size=batch_size,
        minibatch_size=minibatch,
        bptt_horizon=horizon,
        segments=rows,
        minibatch_segments=a.minibatch_segments(minibatch, horizon),
        num_minibatches=a.puffer_num_minibatches(train.update_epochs, batch_size, minibatch),
        accumulate=a.accumulate_minibatches(train.minibatch_size, train.max_minibatch_size),
        update_epochs=train.update_epochs,
        collected=collected,
        total_timesteps=train.total_timesteps,
        ranks=machine.ranks,
        problems=checks.problems,
        notes=checks.notes,
    )


def _vectors(config: PufferConfig, machine: Machine, checks: Checks) -> _Vectors:
    """The rules of vector.make and of its backends, in their order."""
    vec = config.vec
    asked = vec.num_envs
    batch_envs = a.puffer_auto_batch_envs(asked) if vec.batch_size == "auto" else vec.batch_size
    if vec.backend == "PufferEnv":
        if asked != 1:
            checks.problem(
                "backend-one-env",
                "vec.num_envs",
                "the PufferEnv backend runs one environment",
                "set 1 and use env.num_worlds",
            )
        return _Vectors(asked, 1, asked)
    if vec.num_workers == "fit":
        workers = a.fitting_workers(asked, batch_envs, machine.physical_cores)
    else:
        workers = asked if vec.num_workers == "auto" else vec.num_workers
    if asked % workers:
        checks.problem(
            "workers-uneven",
            "vec.num_workers",
            f"{asked} environments cannot be shared equally by {workers} workers",
            f"set {a.nearest_divisor(asked, workers)}, or vec.num_envs to a multiple of {workers}",
            "num_envs must be divisible by num_workers",
        )
    elif batch_envs % (each := asked // workers):
        checks.problem(
            "forward-uneven",
            "vec.batch_size",
            f"{batch_envs} environments in a forward pass is no multiple of the {each} of one worker",
            f"set {a.nearest_multiple(batch_envs, each)}",
            "batch_size must be divisible by (num_envs / num_workers)",
        )
    if batch_envs > asked:
        checks.problem(
            "forward-too-large", "vec.batch_size", f"larger than vec.num_envs = {asked}", f"set at most {asked}"
        )
    if vec.backend == "Serial":
        if batch_envs < asked:
            checks.notes.append(f"Serial builds only vec.batch_size = {batch_envs} of the {asked} environments")
        return _Vectors(batch_envs, workers, batch_envs)
    if workers > machine.physical_cores and not vec.overwork:
        checks.problem(
            "workers-over-cores",
            "vec.num_workers",
            f"{workers} workers on {machine.physical_cores} physical cores",
            f"set fit, or at most {machine.physical_cores}, or vec.overwork = True",
            f"num_workers ({workers}) > hardware cores ({machine.physical_cores}) is disallowed by default",
        )
    if asked % batch_envs and not vec.zero_copy:
        checks.problem(
            "groups-mixed",
            "vec.batch_size",
            f"{asked} environments are no multiple of {batch_envs}, so without zero_copy a forward pass mixes the last "
            "workers with the first, and PuffeRL takes agents in a row for granted",
            f"set {a.nearest_divisor(asked, batch_envs)}",
            "The expanded size of the tensor (0) must match the existing size",
        )
    if vec.zero_copy and asked % batch_envs:
        checks.problem(
            "zero-copy-uneven",
            "vec.batch_size",
            f"{asked} environments are no multiple of {batch_envs}, which zero_copy needs",
            f"set {a.nearest_divisor(asked, batch_envs)}",
            "zero_copy: num_envs must be divisible by batch_size",
        )
    return _Vectors(asked, workers, batch_envs)


def _buffer(train: Train, total: int, checks: Checks) -> tuple[int, int]:
    """batch_size and bptt_horizon with `auto` resolved."""
    batch_size = None if train.batch_size == "auto" else train.batch_size
    horizon = None if train.bptt_horizon == "auto" else train.bptt_horizon
    if horizon is None and batch_size is None:
        checks.problem(
            "both-auto",
            "train.batch_size",
            "both batch_size and bptt_horizon are auto",
            "give one of them a number",
            "Must specify batch_size or bptt_horizon",
        )
        horizon = _HORIZON_WHEN_UNKNOWN
    if horizon is None:
        assert batch_size is not None
        horizon = max(1, a.auto_bptt_horizon(batch_size, total))
    if batch_size is None:
        return a.auto_batch_size(total, horizon), horizon
    return batch_size, horizon


def _check_rows(rows: int, per_forward: int, group_count: int, horizon: int, checks: Checks) -> int:
    """Agent-steps of one rollout; a problem where the rows do not hold whole blocks of every group."""
    fit = a.puffer_row_fit(rows, per_forward, group_count, horizon)
    collected = a.allocate_rows(rows, per_forward, group_count, horizon).collected
    total = per_forward * group_count
    clean = f"set auto, or {a.nearest_multiple(rows, total) * horizon}"
    if fit == "overflows":
        checks.problem(
            "rows-not-multiple",
            "train.batch_size",
            f"{rows} segments are no multiple of {total} agents, so the rollout writes past the buffer",
            clean,
            f"The expanded size of the tensor ({rows % per_forward}) must match the existing size ({per_forward})",
        )
    elif fit == "drops":
        checks.problem(
            "rows-not-multiple",
            "train.batch_size",
            f"{rows} segments are no multiple of {total} agents: {collected - a.agent_steps_held(rows, horizon)} of "
            f"{collected} agent-steps of every rollout are stored nowhere, without an error",
            clean,
        )
    return collected


def _check_minibatch(train: Train, batch_size: int, horizon: int, checks: Checks) -> None:
    asked, most = train.minibatch_size, train.max_minibatch_size
    effective = a.effective_minibatch(asked, most)
    if asked > most and asked % most:
        checks.problem(
            "accumulation-uneven",
            "train.minibatch_size",
            f"above max_minibatch_size = {most} and no multiple of it",
            f"set {a.nearest_multiple(asked, most)}",
            f"minibatch_size {asked} > max_minibatch_size {most} must divide evenly",
        )
    if batch_size < asked:
        checks.problem(
            "minibatch-over-batch",
            "train.minibatch_size",
            f"larger than the batch of {batch_size} agent-steps",
            f"set at most {batch_size}",
            f"batch_size {batch_size} must be >= minibatch_size {asked}",
        )
    if effective % horizon:
        checks.problem(
            "minibatch-no-rows",
            "train.minibatch_size" if asked <= most else "train.max_minibatch_size",
            f"{effective} agent-steps are no whole rows of bptt_horizon = {horizon}",
            f"set {a.nearest_multiple(effective, horizon)}",
            f"minibatch_size {effective} must be divisible by bptt_horizon {horizon}",
        )
    elif effective == 1:
        checks.problem(
            "minibatch-one-step",
            "train.minibatch_size",
            "advantages of a single agent-step have no spread to be normalized by, so every weight becomes NaN",
            f"set at least {2 * horizon}",
        )

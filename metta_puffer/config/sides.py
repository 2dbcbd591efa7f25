"""One side of the audit: a configuration, the trainer that would run it, and every quantity that follows."""

from dataclasses import dataclass
from typing import Any, Literal

from metta_puffer.config import arithmetic as a
from metta_puffer.config.derivations import (
    derive_collected,
    derive_data,
    derive_native_seen,
    derive_own_seeds,
    derive_rows,
    derive_updates,
    derive_vector_seeds,
    derive_worlds,
    key_input,
    per_forward_formula,
)
from metta_puffer.config.derivations_bytes import (
    OURS,
    PUFFER,
    UPSTREAM,
    derive_buffers,
    derive_process,
    derive_vector_buffers,
)
from metta_puffer.config.derivations_run import derive_budget, derive_native_rates, derive_puffer_rates, derive_ranks
from metta_puffer.config.machine import Machine
from metta_puffer.config.memory import policy_memory
from metta_puffer.config.native_model import NativeConfig
from metta_puffer.config.native_sizes import native_sizes
from metta_puffer.config.puffer_model import PufferConfig
from metta_puffer.config.puffer_sizes import PUBLISHED_AGENTS_PER_ENV, puffer_sizes
from metta_puffer.config.quantities import Quantities
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sizes import Sizes

PufferVersion = Literal["3.0.23", "3.0.0"]
PufferLoop = Literal["stock", "ours"]
FINAL_ROLLOUTS = 32  # rollouts without an update at the end of PuffeRL's stock loop (pufferl.py, train)


@dataclass(frozen=True)
class Side:
    name: Literal["puffer", "native"]
    trainer: str  # whose arithmetic this is, in words
    version: str  # 3.0.23 or 3.0.0; 2025-07, 2026-01 or ours
    loaded: Loaded[Any]
    machine: Machine
    sizes: Sizes
    allocation: a.RowAllocation | None  # None where the rollout cannot run
    quantities: Quantities
    loop: PufferLoop = "ours"  # who drives the trainer: PufferLib's own train(), or ours

    def value(self, quantity: str) -> Any:
        return self.quantities[quantity].value


def puffer_side(
    loaded: Loaded[PufferConfig],
    machine: Machine,
    *,
    agents: int | None = None,
    version: PufferVersion = "3.0.23",
    loop: PufferLoop | None = None,
) -> Side:
    """`loop`: who drives PuffeRL, its own train() or `puffer train`; files that name a game are for ours."""
    stock = "env.game" not in loaded.sources if loop is None else loop == "stock"
    sizes = puffer_sizes(loaded, machine, agents, stock=stock)
    config = loaded.model
    q = Quantities(loaded)
    if agents:
        q.given("agents_per_env", agents, "agents", "env.num_agents", "command line")
    elif config.env.num_agents is None:
        why = "not in the file; the published environment has 64"
        q.given("agents_per_env", PUBLISHED_AGENTS_PER_ENV, "agents", "env.num_agents", why)
    else:
        q.given("agents_per_env", config.env.num_agents, "agents", "env.num_agents")
    worlds = sizes.worlds_per_env
    q.given("worlds_per_env", worlds, "worlds", "env.num_worlds")
    built = "vec.batch_size" if config.vec.backend == "Serial" else "vec.num_envs"
    q.derived(
        "envs",
        sizes.envs * worlds,
        "worlds",
        "env_objects * worlds_per_env",
        "worlds_per_env",
        env_objects=(sizes.envs, f"{built} in {loaded.source(built)}"),
    )
    q.given("workers", sizes.workers, "processes", "vec.num_workers")
    q.derived(
        "envs_per_forward",
        sizes.envs_per_forward * worlds,
        "worlds",
        "objects_per_forward * worlds_per_env",
        "worlds_per_env",
        objects_per_forward=(
            sizes.envs_per_forward,
            f"vec.batch_size = {config.vec.batch_size} in {loaded.source('vec.batch_size')}",
        ),
    )
    derive_worlds(q, sizes)
    if stock:
        derive_vector_seeds(q, sizes)
    else:
        derive_own_seeds(q)
    q.given("bptt_horizon", sizes.bptt_horizon, "agent-steps", "train.bptt_horizon")
    if config.train.batch_size == "auto":
        q.derived(
            "batch_size", sizes.batch_size, "agent-steps", "total_agents * bptt_horizon", "total_agents", "bptt_horizon"
        )
    else:
        q.given("batch_size", sizes.batch_size, "agent-steps", "train.batch_size")
    q.derived(
        "minibatch_size",
        sizes.minibatch_size,
        "agent-steps",
        "min(asked_minibatch_size, max_minibatch_size)",
        asked_minibatch_size=key_input(loaded, "train.minibatch_size"),
        max_minibatch_size=key_input(loaded, "train.max_minibatch_size"),
    )
    q.given("update_epochs", sizes.update_epochs, "epochs", "train.update_epochs")
    derive_rows(q, sizes)
    q.derived(
        "num_minibatches",
        sizes.num_minibatches,
        "minibatches",
        "update_epochs * batch_size // minibatch_size",
        "update_epochs",
        "batch_size",
        "minibatch_size",
    )
    derive_updates(q, sizes)
    allocation = derive_collected(q, sizes)
    q.given("total_timesteps", sizes.total_timesteps, "agent-steps", "train.total_timesteps")
    derive_data(q, sizes, 0)
    q.derived(
        "seen_fraction",
        a.seen_share_multinomial(sizes.segments, sizes.minibatch_segments, sizes.num_minibatches),
        "share",
        "1 - (1 - minibatch_segments / segments) ** num_minibatches",
        "minibatch_segments",
        "segments",
        "num_minibatches",
    )
    derive_ranks(q, sizes, rank_seeds=1 if stock else 0)
    derive_budget(q, sizes, final_rollouts=FINAL_ROLLOUTS if stock else 0, budget_for_each_rank=stock)
    derive_puffer_rates(q, sizes, config.train, budget_for_each_rank=stock)
    _puffer_bytes(q, sizes, loaded, version, machine)
    return Side(
        "puffer",
        f"pufferlib{'-core' if version == '3.0.23' else ''} {version}, {'its own' if stock else 'our'} loop",
        version,
        loaded,
        machine,
        sizes,
        allocation,
        q,
        "stock" if stock else "ours",
    )


def native_side(
    loaded: Loaded[NativeConfig],
    machine: Machine,
    *,
    agents: int | None = None,
    workers: int | None = None,
    semantics: a.Semantics | None = None,
) -> Side:
    """`semantics` defaults to Metta's 2025-07 for a published trainer file and to ours for our own."""
    semantics = semantics or ("2025-07" if loaded.layout == "published" else "ours")
    sizes = native_sizes(loaded, machine, agents, workers, semantics)
    trainer = loaded.model.trainer
    q = Quantities(loaded)
    _native_worlds(q, sizes, loaded, machine, from_command_line=(agents, workers), semantics=semantics)
    _native_batch(q, sizes, loaded, semantics)
    derive_rows(q, sizes)
    q.derived(
        "num_minibatches",
        sizes.num_minibatches,
        "minibatches",
        "update_epochs * (segments // minibatch_segments)",
        "update_epochs",
        "segments",
        "minibatch_segments",
    )
    derive_updates(q, sizes)
    allocation = derive_collected(q, sizes)
    q.given("total_timesteps", sizes.total_timesteps, "agent-steps", "trainer.total_timesteps")
    derive_data(q, sizes, allocation.spliced_rows if allocation else 0)
    derive_native_seen(q, sizes, loaded, semantics)
    derive_ranks(q, sizes, rank_seeds=0 if semantics == "ours" else sizes.ranks)
    derive_budget(q, sizes, final_rollouts=None, budget_for_each_rank=False)
    derive_native_rates(q, sizes, trainer, ours=semantics == "ours")
    _native_bytes(q, sizes, loaded, semantics, machine)
    title = "our native trainer" if semantics == "ours" else f"Metta's trainer of {semantics}"
    return Side("native", title, semantics, loaded, machine, sizes, allocation, q)


def _divided(loaded: Loaded[NativeConfig], sizes: Sizes) -> bool:
    return sizes.ranks > 1 and loaded.model.trainer.scale_batches_by_world_size


def _forward_target(loaded: Loaded[NativeConfig], sizes: Sizes) -> tuple[int, str]:
    key = "trainer.forward_pass_minibatch_target_size"
    target, source = key_input(loaded, key)
    if not _divided(loaded, sizes):
        return target, source
    return a.share_of_rank(target, sizes.ranks), f"{source}, divided by {sizes.ranks} ranks"


def _on_gpu(device: str, machine: Machine) -> bool:
    """Where weights and activations are in the GPU's memory, of which nothing is known."""
    return device != "cpu" and machine.gpus > 0


def _puffer_bytes(
    q: Quantities, sizes: Sizes, loaded: Loaded[PufferConfig], version: PufferVersion, machine: Machine
) -> None:
    config = loaded.model
    policy = policy_memory(config.base.policy, config.base.rnn_name is not None, config.policy_options)
    processes = sizes.workers if config.vec.backend == "Multiprocessing" else 0
    derive_buffers(q, sizes, loaded, PUFFER, policy)
    derive_vector_buffers(q, sizes, version, processes)
    if policy and not _on_gpu(config.train.device, machine):
        derive_process(
            q,
            sizes,
            loaded,
            "puffer",
            policy,
            optimizer=config.train.optimizer,
            worker_processes=processes,
            gathers_rows=True,
        )


def _native_worlds(
    q: Quantities,
    sizes: Sizes,
    loaded: Loaded[NativeConfig],
    machine: Machine,
    *,
    from_command_line: tuple[int | None, int | None],
    semantics: a.Semantics,
) -> None:
    agents, workers = from_command_line
    if agents:
        q.given("agents_per_env", agents, "agents", "env.num_agents", "command line")
    else:
        q.given("agents_per_env", sizes.agents_per_env, "agents", "env.num_agents")
    if workers or loaded.model.trainer.num_workers:
        q.given("workers", sizes.workers, "workers", "trainer.num_workers", "command line" if workers else None)
    else:
        why = f"chosen for {machine.logical_cpus} CPUs and {machine.gpus} GPUs"
        q.given("workers", sizes.workers, "workers", "trainer.num_workers", why)
    q.derived(
        "envs_per_forward",
        sizes.envs_per_forward,
        "worlds",
        per_forward_formula(semantics),
        "agents_per_env",
        "workers",
        forward_target=_forward_target(loaded, sizes),
        **({"async_factor": key_input(loaded, "trainer.async_factor")} if semantics == "ours" else {}),
    )
    q.derived(
        "envs",
        sizes.envs,
        "worlds",
        "envs_per_forward * groups",
        "envs_per_forward",
        groups=(sizes.groups, f"trainer.async_factor in {loaded.source('trainer.async_factor')}"),
    )
    derive_worlds(q, sizes)
    if semantics == "ours":
        derive_own_seeds(q)
    else:
        derive_vector_seeds(q, sizes)


def _native_batch(q: Quantities, sizes: Sizes, loaded: Loaded[NativeConfig], semantics: a.Semantics) -> None:
    trainer = loaded.model.trainer
    q.given("bptt_horizon", sizes.bptt_horizon, "agent-steps", "trainer.bptt_horizon")
    fitted = "row_policy exact fits it to whole rows for every agent"
    if trainer.batch_size == sizes.batch_size:
        q.given("batch_size", sizes.batch_size, "agent-steps", "trainer.batch_size")
    else:
        divided = f"{trainer.batch_size:,} divided by {sizes.ranks} ranks" if _divided(loaded, sizes) else ""
        exact = trainer.row_policy == "exact" and semantics == "ours"
        why = "; ".join(reason for reason in (divided, fitted if exact else "") if reason)
        q.given("batch_size", sizes.batch_size, "agent-steps", "trainer.batch_size", why)
    asked = trainer.minibatch_size == sizes.minibatch_size
    q.given("minibatch_size", sizes.minibatch_size, "agent-steps", "trainer.minibatch_size", None if asked else fitted)
    q.given("update_epochs", sizes.update_epochs, "epochs", "trainer.update_epochs")


def _native_bytes(
    q: Quantities, sizes: Sizes, loaded: Loaded[NativeConfig], semantics: a.Semantics, machine: Machine
) -> None:
    if semantics == "ours":
        chosen = loaded.model.policy
        policy = policy_memory(chosen.name, chosen.recurrent, chosen.options)
        processes = sizes.workers if sizes.workers > 1 and loaded.model.env.engine == "published" else 0
        derive_buffers(q, sizes, loaded, OURS, policy)
        derive_vector_buffers(q, sizes, "3.0.23", processes)
        if policy and not _on_gpu(loaded.model.device, machine):
            derive_process(
                q,
                sizes,
                loaded,
                "native",
                policy,
                optimizer=loaded.model.trainer.optimizer.type,
                worker_processes=processes,
                gathers_rows=loaded.model.trainer.sampling == "multinomial",
            )
    else:
        derive_buffers(q, sizes, loaded, UPSTREAM, None)
        # Metta of these months runs on the 3.0.0 vectorization.
        derive_vector_buffers(q, sizes, "3.0.0", sizes.workers if sizes.workers > 1 else 0)

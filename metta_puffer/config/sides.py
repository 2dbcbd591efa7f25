"""One side of the audit: a configuration, the trainer that would run it, and every quantity that follows."""

from dataclasses import dataclass
from typing import Any, Literal

from metta_puffer.config import arithmetic as a
from metta_puffer.config.derivations import (
    derive_budget,
    derive_buffers,
    derive_collected,
    derive_data,
    derive_native_seen,
    derive_rows,
    derive_updates,
    derive_vector_buffers,
    derive_vector_seeds,
    derive_worlds,
    key_input,
    per_forward_formula,
)
from metta_puffer.config.machine import Machine
from metta_puffer.config.native_model import NativeConfig, Trainer
from metta_puffer.config.native_sizes import native_sizes
from metta_puffer.config.puffer_model import PufferConfig
from metta_puffer.config.puffer_sizes import PUBLISHED_AGENTS_PER_ENV, puffer_sizes
from metta_puffer.config.quantities import Quantities
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sizes import Sizes

PufferVersion = Literal["3.0.23", "3.0.0"]
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

    def value(self, quantity: str) -> Any:
        return self.quantities[quantity].value


def puffer_side(
    loaded: Loaded[PufferConfig],
    machine: Machine,
    *,
    agents: int | None = None,
    version: PufferVersion = "3.0.23",
) -> Side:
    sizes = puffer_sizes(loaded, machine, agents)
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
    derive_vector_seeds(q, sizes)
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
    derive_budget(q, sizes)
    # Files that name a game are ours, and our `puffer train` stops at the budget.
    final_rollouts = 0 if "env.game" in loaded.sources else FINAL_ROLLOUTS
    q.derived(
        "final_agent_steps",
        a.final_agent_steps(sizes.total_timesteps, sizes.collected, final_rollouts),
        "agent-steps",
        "(total_epochs + final_rollouts) * agent_steps_collected_per_epoch",
        "total_epochs",
        "agent_steps_collected_per_epoch",
        final_rollouts=(final_rollouts, "rollouts without an update at the end of PuffeRL's stock train()"),
    )
    epochs = max(1, sizes.total_timesteps // sizes.batch_size)
    q.given("learning_rate_first", config.train.learning_rate, "per update", "train.learning_rate")
    if config.train.anneal_lr:
        q.derived(
            "learning_rate_last",
            a.cosine_learning_rate(config.train.learning_rate, q["total_epochs"].value - 1, epochs),
            "per update",
            "learning_rate_first * (1 + cos(pi * (total_epochs - 1) / annealed_epochs)) / 2",
            "learning_rate_first",
            "total_epochs",
            annealed_epochs=(epochs, "total_timesteps // batch_size"),
        )
    else:
        q.given("learning_rate_last", config.train.learning_rate, "per update", "train.learning_rate")
    derive_buffers(q, sizes, loaded, a.PUFFER_CELL_BYTES)
    derive_vector_buffers(q, sizes, version, sizes.workers if config.vec.backend == "Multiprocessing" else 0)
    return Side(
        "puffer",
        f"pufferlib{'-core' if version == '3.0.23' else ''} {version}",
        version,
        loaded,
        machine,
        sizes,
        allocation,
        q,
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
    if agents:
        q.given("agents_per_env", agents, "agents", "env.num_agents", "command line")
    else:
        q.given("agents_per_env", sizes.agents_per_env, "agents", "env.num_agents")
    if workers or trainer.num_workers:
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
        forward_target=key_input(loaded, "trainer.forward_pass_minibatch_target_size"),
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
        q.derived("distinct_env_seeds", sizes.envs, "seeds", "envs", "envs")
    else:
        derive_vector_seeds(q, sizes)
    q.given("bptt_horizon", sizes.bptt_horizon, "agent-steps", "trainer.bptt_horizon")
    fitted = "row_policy exact fits it to whole rows for every agent"
    asked = trainer.batch_size == sizes.batch_size
    q.given("batch_size", sizes.batch_size, "agent-steps", "trainer.batch_size", None if asked else fitted)
    asked = trainer.minibatch_size == sizes.minibatch_size
    q.given("minibatch_size", sizes.minibatch_size, "agent-steps", "trainer.minibatch_size", None if asked else fitted)
    q.given("update_epochs", sizes.update_epochs, "epochs", "trainer.update_epochs")
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
    derive_budget(q, sizes)
    q.derived(
        "final_agent_steps",
        a.final_agent_steps(sizes.total_timesteps, sizes.collected, 0),
        "agent-steps",
        "total_epochs * agent_steps_collected_per_epoch",
        "total_epochs",
        "agent_steps_collected_per_epoch",
    )
    _native_learning_rates(q, trainer, semantics)
    if semantics == "ours":
        derive_buffers(q, sizes, loaded, a.OUR_CELL_BYTES, a.OUR_SUCCESSOR_CELL_BYTES)
        processes = sizes.workers if sizes.workers > 1 and loaded.model.env.engine == "published" else 0
        derive_vector_buffers(q, sizes, "3.0.23", processes)
    else:
        derive_buffers(q, sizes, loaded, a.UPSTREAM_CELL_BYTES)
        # Metta of these months runs on the 3.0.0 vectorization.
        derive_vector_buffers(q, sizes, "3.0.0", sizes.workers if sizes.workers > 1 else 0)
    title = "our native trainer" if semantics == "ours" else f"Metta's trainer of {semantics}"
    return Side("native", title, semantics, loaded, machine, sizes, allocation, q)


def _native_learning_rates(q: Quantities, trainer: Trainer, semantics: a.Semantics) -> None:
    optimizer = trainer.optimizer
    q.given("learning_rate_first", optimizer.learning_rate, "per update", "trainer.optimizer.learning_rate")
    own = [s for s in getattr(trainer, "schedules", ()) if s.key == "optimizer.learning_rate"]
    if semantics == "ours" and own:
        why = f"the end of the {own[-1].kind} schedule in trainer.schedules"
        q.given("learning_rate_last", own[-1].end, "per update", "trainer.schedules", why)
    elif semantics == "ours" and optimizer.learning_rate_schedule == "cosine":
        q.derived(
            "learning_rate_last",
            a.cosine_learning_rate(optimizer.learning_rate, q["total_epochs"].value - 1, q["total_epochs"].value),
            "per update",
            "learning_rate_first * (1 + cos(pi * (total_epochs - 1) / total_epochs)) / 2",
            "learning_rate_first",
            "total_epochs",
        )
    else:
        q.given("learning_rate_last", optimizer.learning_rate, "per update", "trainer.optimizer.learning_rate")

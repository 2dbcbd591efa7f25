"""One side of the audit: a configuration, the trainer that would run it, and every quantity that follows."""

from dataclasses import dataclass
from typing import Any, Literal

from metta_puffer.config import arithmetic as a
from metta_puffer.config.machine import Machine
from metta_puffer.config.native_model import NativeConfig
from metta_puffer.config.native_sizes import native_sizes
from metta_puffer.config.puffer_model import PufferConfig
from metta_puffer.config.puffer_sizes import PUBLISHED_AGENTS_PER_ENV, puffer_sizes
from metta_puffer.config.quantities import Quantities
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sizes import Sizes

PufferVersion = Literal["3.0.23", "3.0.0"]
OBSERVATION_TOKENS = 200  # of the published arena; env.num_tokens when given
BYTES_PER_TOKEN = 3
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
    _worlds(q, sizes)
    _vector_seeds(q, sizes)
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
        asked_minibatch_size=_key(loaded, "train.minibatch_size"),
        max_minibatch_size=_key(loaded, "train.max_minibatch_size"),
    )
    q.given("update_epochs", sizes.update_epochs, "epochs", "train.update_epochs")
    _rows(q, sizes)
    q.derived(
        "num_minibatches",
        sizes.num_minibatches,
        "minibatches",
        "update_epochs * batch_size // minibatch_size",
        "update_epochs",
        "batch_size",
        "minibatch_size",
    )
    _updates(q, sizes)
    allocation = _collected(q, sizes)
    q.given("total_timesteps", sizes.total_timesteps, "agent-steps", "train.total_timesteps")
    _data(q, sizes, 0)
    q.derived(
        "seen_fraction",
        a.seen_share_multinomial(sizes.segments, sizes.minibatch_segments, sizes.num_minibatches),
        "share",
        "1 - (1 - minibatch_segments / segments) ** num_minibatches",
        "minibatch_segments",
        "segments",
        "num_minibatches",
    )
    _budget(q, sizes)
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
    _buffers(q, sizes, loaded, a.PUFFER_CELL_BYTES)
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
        _per_forward_formula(semantics),
        "agents_per_env",
        "workers",
        forward_target=_key(loaded, "trainer.forward_pass_minibatch_target_size"),
        **({"async_factor": _key(loaded, "trainer.async_factor")} if semantics == "ours" else {}),
    )
    q.derived(
        "envs",
        sizes.envs,
        "worlds",
        "envs_per_forward * groups",
        "envs_per_forward",
        groups=(sizes.groups, f"trainer.async_factor in {loaded.source('trainer.async_factor')}"),
    )
    _worlds(q, sizes)
    if semantics == "ours":
        q.derived("distinct_env_seeds", sizes.envs, "seeds", "envs", "envs")
    else:
        _vector_seeds(q, sizes)
    q.given("bptt_horizon", sizes.bptt_horizon, "agent-steps", "trainer.bptt_horizon")
    fitted = "row_policy exact fits it to whole rows for every agent"
    asked = trainer.batch_size == sizes.batch_size
    q.given("batch_size", sizes.batch_size, "agent-steps", "trainer.batch_size", None if asked else fitted)
    asked = trainer.minibatch_size == sizes.minibatch_size
    q.given("minibatch_size", sizes.minibatch_size, "agent-steps", "trainer.minibatch_size", None if asked else fitted)
    q.given("update_epochs", sizes.update_epochs, "epochs", "trainer.update_epochs")
    _rows(q, sizes)
    q.derived(
        "num_minibatches",
        sizes.num_minibatches,
        "minibatches",
        "update_epochs * (segments // minibatch_segments)",
        "update_epochs",
        "segments",
        "minibatch_segments",
    )
    _updates(q, sizes)
    allocation = _collected(q, sizes)
    q.given("total_timesteps", sizes.total_timesteps, "agent-steps", "trainer.total_timesteps")
    _data(q, sizes, allocation.spliced_rows if allocation else 0)
    _native_seen(q, sizes, loaded, semantics)
    _budget(q, sizes)
    q.derived(
        "final_agent_steps",
        a.final_agent_steps(sizes.total_timesteps, sizes.collected, 0),
        "agent-steps",
        "total_epochs * agent_steps_collected_per_epoch",
        "total_epochs",
        "agent_steps_collected_per_epoch",
    )
    optimizer = trainer.optimizer
    q.given("learning_rate_first", optimizer.learning_rate, "per update", "trainer.optimizer.learning_rate")
    if semantics == "ours" and optimizer.learning_rate_schedule == "cosine":
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
    if semantics == "ours":
        _buffers(q, sizes, loaded, a.OUR_CELL_BYTES, a.OUR_SUCCESSOR_CELL_BYTES)
    else:
        _buffers(q, sizes, loaded, a.UPSTREAM_CELL_BYTES)
    title = "our native trainer" if semantics == "ours" else f"Metta's trainer of {semantics}"
    return Side("native", title, semantics, loaded, machine, sizes, allocation, q)


def _key(loaded: Loaded[Any], key: str) -> tuple[Any, str]:
    return loaded.value(key), f"{key} in {loaded.source(key)}"


def _per_forward_formula(semantics: a.Semantics) -> str:
    target = "forward_target // agents_per_env"
    if semantics == "ours":
        wanted = f"max(1, {target})"
        fits = f"{wanted} * async_factor % workers == 0 and {wanted} % ({wanted} * async_factor // workers) == 0"
        return f"{wanted} if {fits} else {wanted} // workers * workers or {wanted}"
    least = "max(2, workers)"
    floor = "workers" if semantics == "2025-07" else least
    return f"({target} if {target} >= {least} else {floor}) // workers * workers"


def _worlds(q: Quantities, sizes: Sizes) -> None:
    q.derived("total_agents", sizes.total_agents, "agents", "envs * agents_per_env", "envs", "agents_per_env")
    q.derived(
        "agents_per_forward",
        sizes.agents_per_forward,
        "agents",
        "envs_per_forward * agents_per_env",
        "envs_per_forward",
        "agents_per_env",
    )
    q.derived("groups", sizes.groups, "groups", "envs // envs_per_forward", "envs", "envs_per_forward")


def _vector_seeds(q: Quantities, sizes: Sizes) -> None:
    """Worlds of one environment object have seeds of their own; objects get theirs from pufferlib's vectorization."""
    q.derived(
        "distinct_env_seeds",
        a.distinct_env_seeds(sizes.envs, sizes.workers) * sizes.worlds_per_env,
        "seeds",
        "(workers + ceil(env_objects / workers) - 1) * worlds_per_env",
        "workers",
        env_objects=(sizes.envs, "environment objects"),
        worlds_per_env=(sizes.worlds_per_env, "worlds of one environment object"),
    )


def _rows(q: Quantities, sizes: Sizes) -> None:
    q.derived("segments", sizes.segments, "rows", "batch_size // bptt_horizon", "batch_size", "bptt_horizon")
    q.derived(
        "minibatch_segments",
        sizes.minibatch_segments,
        "rows",
        "minibatch_size // bptt_horizon",
        "minibatch_size",
        "bptt_horizon",
    )


def _updates(q: Quantities, sizes: Sizes) -> None:
    accumulate = (sizes.accumulate, "minibatch_size over max_minibatch_size, at least 1")
    q.derived(
        "gradient_updates_per_epoch",
        a.gradient_updates(sizes.num_minibatches, sizes.accumulate),
        "optimizer steps",
        "num_minibatches // accumulate_minibatches",
        "num_minibatches",
        accumulate_minibatches=accumulate,
    )
    q.derived(
        "agent_steps_per_gradient",
        a.agent_steps_per_gradient(sizes.minibatch_segments, sizes.bptt_horizon, sizes.accumulate),
        "agent-steps",
        "minibatch_segments * bptt_horizon * accumulate_minibatches",
        "minibatch_segments",
        "bptt_horizon",
        accumulate_minibatches=accumulate,
    )


def _collected(q: Quantities, sizes: Sizes) -> a.RowAllocation | None:
    """Agent-steps of one rollout; None where there are more agents than rows."""
    name = "agent_steps_collected_per_epoch"
    if sizes.segments < sizes.total_agents or sizes.segments % sizes.total_agents == 0:
        q.derived(name, sizes.collected, "agent-steps", "segments * bptt_horizon", "segments", "bptt_horizon")
    else:
        q.derived(
            "finished_blocks",
            a.finished_blocks(sizes.segments, sizes.agents_per_forward),
            "blocks of rows",
            "ceil(segments / agents_per_forward)",
            "segments",
            "agents_per_forward",
        )
        q.derived(
            name,
            sizes.collected,
            "agent-steps",
            "agents_per_forward * ((finished_blocks - 1) // groups * groups * bptt_horizon"
            " + (bptt_horizon - 1) * groups + (finished_blocks - 1) % groups + 1)",
            "agents_per_forward",
            "finished_blocks",
            "groups",
            "bptt_horizon",
        )
    if sizes.segments < sizes.total_agents:
        return None
    return a.allocate_rows(sizes.segments, sizes.agents_per_forward, sizes.groups, sizes.bptt_horizon)


def _data(q: Quantities, sizes: Sizes, spliced_rows: int) -> None:
    trained = a.agent_steps_held(sizes.segments, sizes.bptt_horizon)
    q.derived(
        "agent_steps_trained_per_epoch",
        trained,
        "agent-steps",
        "segments * bptt_horizon",
        "segments",
        "bptt_horizon",
    )
    collected = "agent_steps_collected_per_epoch"
    q.derived(
        "agent_steps_overwritten_per_epoch",
        sizes.collected - trained,
        "agent-steps",
        f"{collected} - agent_steps_trained_per_epoch",
        collected,
        "agent_steps_trained_per_epoch",
    )
    q.derived(
        "wasted_fraction",
        a.wasted_fraction(sizes.collected, trained),
        "share",
        f"max(0, 1 - agent_steps_trained_per_epoch / {collected})",
        "agent_steps_trained_per_epoch",
        collected,
    )
    if spliced_rows:
        q.derived(
            "spliced_rows",
            spliced_rows,
            "rows",
            "-finished_blocks % groups * agents_per_forward",
            "finished_blocks",
            "groups",
            "agents_per_forward",
        )
    else:
        q.given("spliced_rows", 0, "rows", "", "every row is filled by one agent from its first column to its last")
    q.derived(
        "clean_rows", sizes.segments - spliced_rows, "rows", "segments - spliced_rows", "segments", "spliced_rows"
    )
    q.derived(
        "env_steps_per_epoch",
        a.per(sizes.collected, q["agents_per_env"].value),
        "env-steps",
        f"{collected} / agents_per_env",
        collected,
        "agents_per_env",
    )
    q.derived(
        "steps_per_env_per_epoch",
        a.per(sizes.collected, sizes.total_agents),
        "env-steps of one world",
        "env_steps_per_epoch / envs",
        "env_steps_per_epoch",
        "envs",
    )
    q.derived(
        "agent_steps_collected_per_gradient",
        a.per(sizes.collected, q["gradient_updates_per_epoch"].value),
        "agent-steps",
        f"{collected} / gradient_updates_per_epoch if gradient_updates_per_epoch else inf",
        collected,
        "gradient_updates_per_epoch",
    )


def _native_seen(q: Quantities, sizes: Sizes, loaded: Loaded[NativeConfig], semantics: a.Semantics) -> None:
    sampling = "multinomial" if semantics == "2025-07" else "sequential"
    if semantics == "ours":
        sampling = loaded.model.trainer.sampling
    if sampling == "multinomial":
        q.derived(
            "seen_fraction",
            a.seen_share_multinomial(sizes.segments, sizes.minibatch_segments, sizes.num_minibatches),
            "share",
            "1 - (1 - minibatch_segments / segments) ** num_minibatches",
            "minibatch_segments",
            "segments",
            "num_minibatches",
        )
    else:
        q.given("seen_fraction", 1.0, "share", "trainer.sampling", "sequential sampling visits every row once an epoch")


def _budget(q: Quantities, sizes: Sizes) -> None:
    epochs = a.total_epochs(sizes.total_timesteps, sizes.collected)
    q.derived(
        "total_epochs",
        epochs,
        "rounds",
        "ceil(total_timesteps / agent_steps_collected_per_epoch)",
        "total_timesteps",
        "agent_steps_collected_per_epoch",
    )
    q.derived(
        "total_gradient_updates",
        a.total_gradient_updates(epochs, q["gradient_updates_per_epoch"].value),
        "optimizer steps",
        "total_epochs * gradient_updates_per_epoch",
        "total_epochs",
        "gradient_updates_per_epoch",
    )


def _buffers(q: Quantities, sizes: Sizes, loaded: Loaded[Any], cell: int, successor_cell: int = 0) -> None:
    tokens = loaded.model.env.options.get("num_tokens", OBSERVATION_TOKENS)
    tokens = tokens if isinstance(tokens, int) else OBSERVATION_TOKENS
    q.derived(
        "observation_buffer_bytes",
        a.observation_buffer_bytes(sizes.segments, sizes.bptt_horizon, tokens * BYTES_PER_TOKEN),
        "bytes",
        "segments * bptt_horizon * tokens * bytes_per_token",
        "segments",
        "bptt_horizon",
        tokens=(tokens, "env.num_tokens, 200 when not given"),
        bytes_per_token=(BYTES_PER_TOKEN, "packed location, feature, value"),
    )
    successor = " + segments * (bptt_horizon + 1) * successor_cell_bytes" if successor_cell else ""
    others = {"successor_cell_bytes": (successor_cell, "value, reward, done, ratio of one column more")}
    q.derived(
        "experience_bytes",
        a.experience_bytes(sizes.segments, sizes.bptt_horizon, tokens * BYTES_PER_TOKEN, cell, successor_cell),
        "bytes",
        f"observation_buffer_bytes + segments * bptt_horizon * cell_bytes{successor}",
        "observation_buffer_bytes",
        "segments",
        "bptt_horizon",
        cell_bytes=(cell, "action and per-step numbers of one cell"),
        **(others if successor_cell else {}),
    )

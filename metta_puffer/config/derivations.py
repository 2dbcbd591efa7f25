"""Quantities that both sides derive alike from their sizes, with the formulas that the audit explains."""

from typing import Any

from metta_puffer.config import arithmetic as a
from metta_puffer.config.native_model import NativeConfig
from metta_puffer.config.quantities import Quantities
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sizes import Sizes


def key_input(loaded: Loaded[Any], key: str) -> tuple[Any, str]:
    return loaded.value(key), f"{key} in {loaded.source(key)}"


def per_forward_formula(semantics: a.Semantics) -> str:
    target = "forward_target // agents_per_env"
    if semantics == "ours":
        wanted = f"max(1, {target})"
        fits = f"{wanted} * async_factor % workers == 0 and {wanted} % ({wanted} * async_factor // workers) == 0"
        return f"{wanted} if {fits} else {wanted} // workers * workers or {wanted}"
    least = "max(2, workers)"
    floor = "workers" if semantics == "2025-07" else least
    return f"({target} if {target} >= {least} else {floor}) // workers * workers"


def derive_worlds(q: Quantities, sizes: Sizes) -> None:
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


def derive_own_seeds(q: Quantities) -> None:
    """Our two trainers give every world a seed of its own."""
    q.derived("distinct_env_seeds", q["envs"].value, "seeds", "envs", "envs")


def derive_vector_seeds(q: Quantities, sizes: Sizes) -> None:
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


def derive_rows(q: Quantities, sizes: Sizes) -> None:
    q.derived("segments", sizes.segments, "rows", "batch_size // bptt_horizon", "batch_size", "bptt_horizon")
    q.derived(
        "minibatch_segments",
        sizes.minibatch_segments,
        "rows",
        "minibatch_size // bptt_horizon",
        "minibatch_size",
        "bptt_horizon",
    )


def derive_updates(q: Quantities, sizes: Sizes) -> None:
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


def derive_collected(q: Quantities, sizes: Sizes) -> a.RowAllocation | None:
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


def derive_data(q: Quantities, sizes: Sizes, spliced_rows: int) -> None:
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


def derive_native_seen(q: Quantities, sizes: Sizes, loaded: Loaded[NativeConfig], semantics: a.Semantics) -> None:
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

"""Bytes: of the buffers exactly, of the whole process by the measured table of `memory.py`."""

from dataclasses import dataclass
from typing import Any

from metta_puffer.config import arithmetic as a
from metta_puffer.config.memory import PolicyMemory, table
from metta_puffer.config.quantities import Quantities
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sizes import Sizes

OBSERVATION_TOKENS = 200  # of the published arena; env.num_tokens when given
BYTES_PER_TOKEN = 3
# What derive_process adds, for runs on the CPU by a trainer and with a policy of this project.
OF_PROCESS = ("weights_bytes", "activation_bytes", "worlds_bytes", "action_log_bytes", "process_bytes")
EPISODE_LENGTH = 1000  # of our games; env.max_steps when given


@dataclass(frozen=True)
class Holding:
    """What one trainer keeps of a rollout: bytes a cell, and whether each row keeps the state it began with."""

    cell: int
    successor_cell: int = 0
    rows_keep_state: bool = False


PUFFER = Holding(a.PUFFER_CELL_BYTES)
UPSTREAM = Holding(a.UPSTREAM_CELL_BYTES)
OURS = Holding(a.OUR_CELL_BYTES, a.OUR_SUCCESSOR_CELL_BYTES, rows_keep_state=True)


def _option(loaded: Loaded[Any], name: str, otherwise: int) -> int:
    value = loaded.model.env.options.get(name, otherwise)
    return value if isinstance(value, int) else otherwise


def derive_buffers(
    q: Quantities, sizes: Sizes, loaded: Loaded[Any], holding: Holding, policy: PolicyMemory | None
) -> None:
    """`policy` None: its recurrent state is not known and left out."""
    tokens = _option(loaded, "num_tokens", OBSERVATION_TOKENS)
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
    state = _derive_state(q, sizes, holding, policy) if policy else 0
    successor = " + segments * (bptt_horizon + 1) * successor_cell_bytes" if holding.successor_cell else ""
    others = {"successor_cell_bytes": (holding.successor_cell, "value, reward, done, ratio of one column more")}
    q.derived(
        "experience_bytes",
        a.experience_bytes(
            sizes.segments,
            sizes.bptt_horizon,
            tokens * BYTES_PER_TOKEN,
            holding.cell,
            successor_cell=holding.successor_cell,
            recurrent_state=state,
        ),
        "bytes",
        f"observation_buffer_bytes + segments * bptt_horizon * cell_bytes{successor}"
        + (" + recurrent_state_bytes" if policy else ""),
        "observation_buffer_bytes",
        "segments",
        "bptt_horizon",
        *(["recurrent_state_bytes"] if policy else []),
        cell_bytes=(holding.cell, "action and per-step numbers of one cell"),
        **(others if holding.successor_cell else {}),
    )


def _derive_state(q: Quantities, sizes: Sizes, holding: Holding, policy: PolicyMemory) -> int:
    rows = sizes.segments if holding.rows_keep_state else 0
    state = a.recurrent_state_bytes(sizes.total_agents, policy.hidden_size, rows)
    q.derived(
        "recurrent_state_bytes",
        state,
        "bytes",
        f"{'(total_agents + segments)' if holding.rows_keep_state else 'total_agents'} * hidden_size * 2 * 4",
        "total_agents",
        *(["segments"] if holding.rows_keep_state else []),
        hidden_size=(policy.hidden_size, "policy table, config/memory.json"),
    )
    return state


def derive_vector_buffers(q: Quantities, sizes: Sizes, version: str, worker_processes: int) -> None:
    """After `derive_buffers`, which knows the observation."""
    observation = sum(entry.value for entry in q["observation_buffer_bytes"].inputs if entry.name == "tokens")
    agent = a.VECTOR_AGENT_BYTES[version]
    q.derived(
        "vector_buffer_bytes",
        a.vector_buffer_bytes(sizes.total_agents, observation * BYTES_PER_TOKEN, agent, worker_processes),
        "bytes",
        "total_agents * (tokens * bytes_per_token + agent_bytes) + worker_processes * worker_bytes",
        "total_agents",
        tokens=(observation, "env.num_tokens, 200 when not given"),
        bytes_per_token=(BYTES_PER_TOKEN, "packed location, feature, value"),
        agent_bytes=(agent, "reward, flags and actions of one agent"),
        worker_processes=(worker_processes, "worker processes"),
        worker_bytes=(a.VECTOR_WORKER_BYTES, "semaphore and flag"),
    )


def derive_process(
    q: Quantities,
    sizes: Sizes,
    loaded: Loaded[Any],
    trainer: str,
    policy: PolicyMemory,
    *,
    optimizer: str,
    worker_processes: int,
    gathers_rows: bool,
) -> None:
    """After the buffers. `gathers_rows`: a minibatch's observations are copied rather than looked at in place."""
    measured = "measured, config/memory.json"
    ours = trainer == "native"
    copies = (a.OUR_WEIGHT_COPIES if ours else a.PUFFER_WEIGHT_COPIES) + a.OPTIMIZER_SLOTS[optimizer]
    held = "weights, gradients" + (", initial weights" if ours else "")
    q.derived(
        "weights_bytes",
        a.weights_bytes(policy.parameters, copies),
        "bytes",
        "parameters * copies * 4",
        parameters=(policy.parameters, "policy table, config/memory.json"),
        copies=(copies, f"{held}, {a.OPTIMIZER_SLOTS[optimizer]} of {optimizer}"),
    )
    observation = sum(entry.value for entry in q["observation_buffer_bytes"].inputs if entry.name == "tokens")
    copied = observation * BYTES_PER_TOKEN if gathers_rows else 0
    trained, acting = a.trained_bytes(policy.trained_bytes, sizes.minibatch_size), policy.bytes_per_acting_agent
    q.derived(
        "activation_bytes",
        a.activation_bytes(sizes.minibatch_size, trained, copied, sizes.agents_per_forward, acting),
        "bytes",
        "max(trained_bytes + minibatch_size * copied_bytes, agents_per_forward * acting_agent_bytes)",
        "minibatch_size",
        "agents_per_forward",
        trained_bytes=(trained, f"forward and backward pass of the minibatch, between sizes {measured}"),
        copied_bytes=(copied, "observation of one agent-step" if copied else "rows are used in place"),
        acting_agent_bytes=(acting, f"forward pass of a rollout; {measured}"),
    )
    engine = table()["engines"][loaded.model.env.engine]
    worlds, agents = sizes.envs * sizes.worlds_per_env, sizes.agents_per_env // sizes.worlds_per_env
    q.derived(
        "worlds_bytes",
        a.worlds_bytes(worlds, agents, engine["world"], engine["world_agent"]),
        "bytes",
        "envs * (world_bytes + agents_per_env * world_agent_bytes)",
        "envs",
        "agents_per_env",
        world_bytes=(engine["world"], f"one world of the {loaded.model.env.engine} engine; {measured}"),
        world_agent_bytes=(engine["world_agent"], f"each of its agents; {measured}"),
    )
    if ours:
        length = _option(loaded, "max_steps", EPISODE_LENGTH)
        env_steps = q["steps_per_env_per_epoch"].value * q["total_epochs"].value
        q.derived(
            "action_log_bytes",
            a.action_log_bytes(sizes.total_agents, env_steps, length),
            "bytes",
            "total_agents * min(ceil(steps_per_env_per_epoch * total_epochs), episodes * episode_length)"
            " * action_bytes",
            "total_agents",
            "steps_per_env_per_epoch",
            "total_epochs",
            episodes=(a.LOGGED_EPISODES, "the log is cut when twice as long as the oldest episode"),
            episode_length=(length, "env.max_steps, 1000 when not given"),
            action_bytes=(a.LOGGED_ACTION_BYTES, "int16"),
        )
    parts = ["experience_bytes", "vector_buffer_bytes", "weights_bytes", "activation_bytes", "worlds_bytes"]
    parts += ["action_log_bytes"] if ours else []
    base, worker = table()["base"][trainer], table()["worker"]
    least_files, most_files = table()["file_pages"]
    files = (least_files + most_files) // 2
    round_bytes = sizes.segments * sizes.bptt_horizon * a.ROUND_CELL_BYTES
    q.derived(
        "process_bytes",
        base + files + sum(q[part].value for part in parts) + round_bytes + worker_processes * worker,
        "bytes",
        f"base_bytes + file_pages_bytes + {' + '.join(parts)} + segments * bptt_horizon * round_cell_bytes"
        " + worker_processes * worker_process_bytes",
        *parts,
        "segments",
        "bptt_horizon",
        base_bytes=(base, f"interpreter, torch and trainer before any size counts; {measured}"),
        file_pages_bytes=(
            files,
            f"libraries' code, {least_files:,} to {most_files:,} as the kernel holds it; {measured}",
        ),
        round_cell_bytes=(a.ROUND_CELL_BYTES, "advantages and what is computed from them, over the whole buffer"),
        worker_processes=(worker_processes, "worker processes"),
        worker_process_bytes=(worker, f"pages of its own of a worker without worlds; {measured}"),
    )

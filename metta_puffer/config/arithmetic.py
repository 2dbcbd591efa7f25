"""The batch arithmetic of both trainers. Every formula stands here once; nothing else computes a size.

Letters, where a formula uses them: E worlds, N agents of one world, n agents of one group (one policy forward
pass), G groups, S segments (rows), T BPTT horizon, m rows of a minibatch. A count without a unit in its name is
in agent-steps: one agent acting once. Sources name upstream files (PufferLib: pufferl.py, vector.py; Metta:
rl/util/batch_utils.py, rl/experience.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_MOST_FACTORED = 10**12
_NEARBY = 10**5
_MOST_WORKERS = 2**16  # more processes than any machine runs

Semantics = Literal["2025-07", "2026-01", "ours"]


# Worlds and agents.


def total_agents(envs: int, agents_per_env: int) -> int:
    return envs * agents_per_env


def groups(envs: int, envs_per_forward: int) -> int:
    """Groups of worlds that take turns: while the policy works on one, the others step."""
    return max(1, envs // envs_per_forward)


def puffer_auto_batch_envs(num_envs: int) -> int:
    """vec.batch_size = auto: half of the environments, so that two groups take turns (vector.py, make)."""
    return max(1, num_envs // 2)


def workers_fit(workers: int, num_envs: int, batch_envs: int) -> bool:
    """PufferLib's divisibility rules: equal shares, and a forward pass takes whole workers (vector.py, make)."""
    return num_envs % workers == 0 and batch_envs % (num_envs // workers) == 0


def fitting_workers(num_envs: int, batch_envs: int, most: int) -> int:
    """Most workers, up to `most`, that the divisibility rules allow; 1 where none do."""
    candidates = range(1, max(1, min(num_envs, most, _MOST_WORKERS)) + 1)
    return max((workers for workers in candidates if workers_fit(workers, num_envs, batch_envs)), default=1)


def native_auto_workers(logical_cpus: int, gpus: int, semantics: Semantics) -> int:
    """Workers when the file leaves them open: half of the CPUs shared by the GPUs' ranks.

    2025-07 rounds down to a power of two (rl/util/batch_utils.py), 2026-01 does not; ours follows 2025-07.
    """
    share = max(1, (logical_cpus // 2) // max(1, gpus))
    return share if semantics == "2026-01" else 2 ** (share.bit_length() - 1)


def native_target_envs(forward_target: int, agents_per_env: int, workers: int, semantics: Semantics) -> int:
    """Worlds wanted in one forward pass, before rounding to the workers."""
    target = forward_target // agents_per_env
    least = max(2, workers)
    if target >= least:
        return target
    return workers if semantics == "2025-07" else least


def native_envs_per_forward(
    forward_target: int, agents_per_env: int, workers: int, semantics: Semantics, group_count: int = 2
) -> int:
    """Worlds of one forward pass: the wanted number, down to a multiple of the workers.

    Ours rounds only where the workers could not share `group_count` such groups, and never below one world.
    """
    if semantics == "ours":
        target = max(1, forward_target // agents_per_env)
        if workers_fit(workers, target * group_count, target):
            return target
        return target // workers * workers or target
    return native_target_envs(forward_target, agents_per_env, workers, semantics) // workers * workers


def native_envs(envs_per_forward: int, async_factor: int) -> int:
    return envs_per_forward * async_factor


def distinct_env_seeds(envs: int, workers: int, rank_seeds: int = 1) -> int:
    """Different seeds in use when world j of worker w gets seed + w + j (vector.py, async_reset).

    `rank_seeds` ranks begin at seeds one apart (Metta); PuffeRL's all begin at the same one.
    """
    return workers + math.ceil(envs / workers) + rank_seeds - 2


# Ranks: processes that train one policy together, each with worlds and a buffer of its own.


def share_of_rank(amount: int, ranks: int) -> int:
    """batch_size and forward target of one rank under scale_batches_by_world_size; the minibatch is not divided."""
    return max(1, amount // ranks)


def all_ranks(amount: int, ranks: int) -> int:
    """Counters of all ranks together; a gradient is the mean over a minibatch of each."""
    return amount * ranks


def budget_of_rank(total_timesteps: int, ranks: int) -> int:
    """Our share of a budget for a PuffeRL that counts only its own rank's agent-steps."""
    return -(-total_timesteps // ranks)


# Buffer and minibatches.


def auto_batch_size(total: int, bptt_horizon: int) -> int:
    """One row an agent."""
    return total * bptt_horizon


def auto_bptt_horizon(batch_size: int, total: int) -> int:
    return batch_size // total


def segments(batch_size: int, bptt_horizon: int) -> int:
    """Rows of the buffer; a remainder of batch_size is lost."""
    return batch_size // bptt_horizon


def minibatch_segments(minibatch_size: int, bptt_horizon: int) -> int:
    return minibatch_size // bptt_horizon


def effective_minibatch(minibatch_size: int, max_minibatch_size: int) -> int:
    """Agent-steps of one forward and backward pass."""
    return min(minibatch_size, max_minibatch_size)


def accumulate_minibatches(minibatch_size: int, max_minibatch_size: int) -> int:
    """Backward passes summed into one optimizer step."""
    return max(1, minibatch_size // max_minibatch_size)


def puffer_num_minibatches(update_epochs: int, batch_size: int, effective: int) -> int:
    """Minibatches of one train() call (pufferl.py); a float product, cut off."""
    return int(update_epochs * batch_size / effective)


def native_num_minibatches(update_epochs: int, rows: int, minibatch_rows: int) -> int:
    return update_epochs * (rows // minibatch_rows)


def gradient_updates(num_minibatches: int, accumulate: int) -> int:
    """Optimizer steps of one round; a trailing partial accumulation is applied in the next round."""
    return num_minibatches // accumulate


def nearest_multiple(number: int, unit: int) -> int:
    """The multiple of `unit` nearest to `number`, at least one."""
    return max(1, round(number / unit)) * unit


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` nearest to `wanted` by ratio; the larger one on a tie. At least 1.

    Above 10^12 only divisors within 10^5 of `wanted` are looked for, and 1 is given where there are none.
    """
    if number > _MOST_FACTORED:
        nearby = range(max(1, wanted - _NEARBY), wanted + _NEARBY)
        divisors = [divisor for divisor in nearby if number % divisor == 0]
    else:
        low = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
        divisors = [*low, *(number // divisor for divisor in low)]
    return min(sorted(divisors, reverse=True), key=lambda divisor: abs(math.log(divisor / wanted)), default=1)


def agent_steps_per_gradient(minibatch_rows: int, bptt_horizon: int, accumulate: int) -> int:
    return minibatch_rows * bptt_horizon * accumulate


def agent_steps_held(rows: int, bptt_horizon: int) -> int:
    """Agent-steps that the buffer holds when the update starts."""
    return rows * bptt_horizon


def observation_buffer_bytes(rows: int, bptt_horizon: int, bytes_per_observation: int) -> int:
    return rows * bptt_horizon * bytes_per_observation


# Bytes of one cell beside its observation, by trainer. float32 is 4, an int64 action 8.
PUFFER_CELL_BYTES = 8 + 7 * 4  # action; value, logprob, reward, terminal, truncation, ratio, importance (pufferl.py)
UPSTREAM_CELL_BYTES = 4 + 7 * 4  # int32 action; value, logprob, reward, done, truncated, ratio, importance
OUR_CELL_BYTES = 8 + 2 * 4  # action; logprob, reset
OUR_SUCCESSOR_CELL_BYTES = 4 * 4  # value, reward, done, ratio: one column more than the row has


def experience_bytes(
    rows: int, bptt_horizon: int, observation: int, cell: int, *, successor_cell: int = 0, recurrent_state: int = 0
) -> int:
    """Bytes of the rollout buffer and the recurrent state. The successor cells have one column more."""
    cells = rows * bptt_horizon * (observation + cell) + rows * (bptt_horizon + 1) * successor_cell
    return cells + recurrent_state


def recurrent_state_bytes(total: int, hidden_size: int, rows_with_state: int = 0) -> int:
    """Two float32 tensors [agents, hidden]; ours also keeps the state with which each row began."""
    return (total + rows_with_state) * hidden_size * 2 * 4


# Bytes of one agent in the vectorized environment beside its observation: float32 reward, three flags, int32 action;
# 3.0.23 adds the teacher's action (pufferlib.py, set_buffers; vector.py, Multiprocessing).
VECTOR_AGENT_BYTES = {"3.0.23": 4 + 3 + 4 + 4, "3.0.0": 4 + 3 + 4}
VECTOR_WORKER_BYTES = 2  # semaphore and flag of a worker process


def vector_buffer_bytes(total: int, observation: int, agent: int, worker_processes: int) -> int:
    """Bytes that worlds and trainer share: one observation, reward, flags and actions an agent."""
    return total * (observation + agent) + worker_processes * VECTOR_WORKER_BYTES


# The whole process, on the CPU in float32.

# Tensors of an optimizer's state as large as the weights.
OPTIMIZER_SLOTS = {"adam": 2, "adamw": 2, "muon": 1, "adamw_schedulefree": 2, "sgd_schedulefree": 1}
PUFFER_WEIGHT_COPIES = 2  # weights and gradients
OUR_WEIGHT_COPIES = 3  # and the initial weights, for the loss that pulls to them
ROUND_CELL_BYTES = 4 * 4  # advantages, their absolute values, returns and their errors over the whole buffer
LOGGED_ACTION_BYTES = 2  # our trainer logs actions, to take episodes up again (native/replay.py)
LOGGED_EPISODES = 2  # the log is cut when it is twice as long as the oldest episode under way


def weights_bytes(parameters: int, copies: int) -> int:
    return parameters * copies * 4


def trained_bytes(measured: Sequence[tuple[float, float]], agent_steps: int) -> int:
    """Peak of a forward and backward pass, on the line through the measured (agent-steps, bytes), rising in both.

    No straight line: the C library keeps freed blocks of up to 32 MiB and gives larger ones back (malloc,
    DEFAULT_MMAP_THRESHOLD_MAX), so an agent-step weighs most where the largest tensors are just below that.
    """
    points = [(0.0, 0.0), *measured]
    after = next((i for i, (steps, _) in enumerate(points) if steps >= agent_steps and i), len(points) - 1)
    (low, low_bytes), (high, high_bytes) = points[after - 1], points[after]
    return round(low_bytes + (agent_steps - low) * (high_bytes - low_bytes) / (high - low))


def activation_bytes(minibatch_size: int, trained: int, copied: int, agents_per_forward: int, acting_agent: int) -> int:
    """The larger of the two peaks: a minibatch with its copied observations, or a rollout's forward pass."""
    return max(trained + minibatch_size * copied, agents_per_forward * acting_agent)


def worlds_bytes(worlds: int, agents_per_world: int, world: int, world_agent: int) -> int:
    return worlds * (world + agents_per_world * world_agent)


def action_log_bytes(total: int, env_steps: float, episode_length: int) -> int:
    return total * min(math.ceil(env_steps), LOGGED_EPISODES * episode_length) * LOGGED_ACTION_BYTES


# Row allocation when rows are no multiple of agents.


@dataclass(frozen=True)
class RowAllocation:
    """What one rollout leaves in the buffer. `collected` and `overwritten` in agent-steps, the others in rows."""

    collected: int
    overwritten: int
    clean_rows: int
    spliced_rows: int  # rows whose last column is of another agent at another moment
    recvs: int  # env-steps of the groups that went furthest
    groups_behind: int  # groups that made one env-step less


def finished_blocks(rows: int, agents_per_forward: int) -> int:
    """Blocks of n rows that must be full before the rollout ends."""
    return math.ceil(rows / agents_per_forward)


def allocate_rows(rows: int, agents_per_forward: int, group_count: int, bptt_horizon: int) -> RowAllocation:
    """Metta's rule (rl/experience.py): finished groups take the next n rows, modulo S, until S rows are full.

    Groups are served strictly in turn and fill one column a time, so they finish in order: J = ceil(S / n)
    finished blocks fill the buffer, and the groups behind the J-th stand one column short. Proven against a
    step-by-step simulation in the tests. Needs rows >= group_count * agents_per_forward.
    """
    n, G, T = agents_per_forward, group_count, bptt_horizon
    blocks = finished_blocks(rows, n)
    sweeps, last = divmod(blocks - 1, G)
    behind = G - 1 - last
    recvs = (sweeps + 1) * T
    collected = n * (G * recvs - behind)
    spliced = behind * n if T > 1 else 0
    return RowAllocation(collected, collected - rows * T, rows - spliced, spliced, recvs, behind)


@dataclass(frozen=True)
class RowSpan:
    """Neighbouring rows with the same fate: filled once, filled again, or spliced from two trajectories."""

    start: int
    length: int
    fate: Literal["clean", "overwritten", "spliced"]


def row_spans(rows: int, agents_per_forward: int, group_count: int, bptt_horizon: int) -> list[RowSpan]:
    """The map of the buffer after one rollout by the rule of `allocate_rows`, from row 0 on."""
    wrapped = finished_blocks(rows, agents_per_forward) * agents_per_forward - rows
    spliced = allocate_rows(rows, agents_per_forward, group_count, bptt_horizon).spliced_rows
    spans = [
        RowSpan(0, wrapped, "overwritten"),
        RowSpan(wrapped, spliced, "spliced"),
        RowSpan(wrapped + spliced, rows - wrapped - spliced, "clean"),
    ]
    return [span for span in spans if span.length]


RowFit = Literal["fits", "drops", "overflows"]


def puffer_row_fit(rows: int, agents_per_forward: int, group_count: int, bptt_horizon: int) -> RowFit:
    """What PuffeRL's rollout does with these rows (pufferl.py, evaluate; found by running it).

    Blocks of rows are taken as in `allocate_rows`, but without wrapping: a block past the end is a tensor of the
    wrong shape and fails, except that one agent alone is broadcast into nothing and its agent-steps are dropped.
    """
    behind = (-finished_blocks(rows, agents_per_forward)) % group_count if bptt_horizon > 1 else 0
    if rows % agents_per_forward == 0 and not behind:
        return "fits"
    return "drops" if agents_per_forward == 1 else "overflows"


# Epochs, data, schedule.


def total_epochs(total_timesteps: int, collected_per_epoch: int) -> int:
    """Rounds until the budget is reached."""
    return -(-total_timesteps // max(1, collected_per_epoch))  # not math.ceil: floats lose digits above 2^53


def total_gradient_updates(epochs: int, updates_per_epoch: int) -> int:
    return epochs * updates_per_epoch


def final_agent_steps(epochs: int, collected_per_epoch: int, final_rollouts: int) -> int:
    """The agent-step counter when the program ends; PuffeRL's stock loop adds rollouts without an update."""
    return (epochs + final_rollouts) * collected_per_epoch


def per(amount: int, count: int) -> float:
    """A rate; whole numbers stay whole, and nothing divided by nothing is infinite."""
    if not count:
        return math.inf
    return amount // count if amount % count == 0 else amount / count


def wasted_fraction(collected: int, trained: int) -> float:
    """Share of the collected agent-steps that no update can see."""
    return max(0.0, 1 - trained / collected) if collected else 0.0


def seen_share_multinomial(rows: int, minibatch_rows: int, num_minibatches: int) -> float:
    """Expected share of rows drawn at least once: uniform draws, no repeat inside a minibatch, repeats across them."""
    return 1 - (1 - min(1.0, minibatch_rows / rows)) ** num_minibatches if rows else 0.0


def annealed_prio_beta(prio_alpha: float, prio_beta0: float, epoch: int, epochs: int) -> float:
    """Importance correction of prioritized rows after `epoch` of `epochs` rounds (pufferl.py, train)."""
    return prio_beta0 + (1 - prio_beta0) * prio_alpha * epoch / max(1, epochs)


def cosine_learning_rate(initial: float, epoch: int, epochs: int) -> float:
    """Learning rate after `epoch` scheduler steps of a cosine to 0 over `epochs` (pufferl.py)."""
    return initial * (1 + math.cos(math.pi * epoch / epochs)) / 2


def schedule_share(
    kind: Literal["linear", "cosine", "sawtooth"], agent_steps: int, begin: int, end: int, period: int | None
) -> float | None:
    """How far a scheduled number is from its start (0) to its end (1); None while the configured one holds."""
    if agent_steps < begin:
        return None
    if agent_steps >= end:
        return 1.0
    done = agent_steps - begin
    if kind == "sawtooth":
        assert period is not None
        return done % period / period
    share = done / (end - begin)
    return share if kind == "linear" else (1.0 - math.cos(math.pi * share)) / 2.0

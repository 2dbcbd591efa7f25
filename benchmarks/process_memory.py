"""What processes, worlds and policies weigh: writes metta_puffer/config/memory.json, behind the audit's process_bytes.

    .venv/bin/python -m benchmarks.process_memory policies [POLICY ...]
    .venv/bin/python -m benchmarks.process_memory engines
    .venv/bin/python -m benchmarks.process_memory base

Each number is measured apart from the runs that it is to predict (tests/config/test_process_bytes.py compares):

* policies: the policy alone, forward and backward passes over minibatches of real arena observations, of four sizes,
  each in a forked process; from each peak of resident memory that of a single row is taken off. Constant costs
  cancel, and what the libraries below torch allocate and the C library keeps is counted. Every pass draws other rows:
  how many tokens they use, and so the size of a tensor, differs a little as it does in training. The forward pass of a
  rollout by two numbers of agents. Every whole-number option once at twice its default: how many agent-steps at the
  default weigh as much; between and beyond, a power law.
* engines: arenas of two numbers of worlds and agents, in the same way; buffers that the audit counts are taken off.
* base: the smallest run there is, one world of one agent, for each trainer; its few buffers are taken off. A worker's
  base is what a worker process of a run with two worlds of one agent has to itself. The pages of mapped files are
  apart from it, and the least and the most that were seen are kept: how many pages of the same libraries are resident
  is up to the kernel.
"""

import inspect
import json
import math
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.measured_run import measured_run
from metta_puffer import MettaPufferEnv
from metta_puffer.config.arithmetic import VECTOR_AGENT_BYTES
from metta_puffer.config.memory import NUMBERS, TABLE
from metta_puffer.config.plan import PolicyPlan
from metta_puffer.policies import POLICIES, build_policy

ROOT = Path(__file__).parents[1]
SMALLEST = {
    "native": {
        "env.num_agents": 1,
        "trainer.forward_pass_minibatch_target_size": 1,
        "trainer.async_factor": 1,
        "trainer.bptt_horizon": 2,
        "trainer.batch_size": 4,
        "trainer.minibatch_size": 2,
    },
    "puffer": {"env.num_agents": 1, "env.num_worlds": 1, "train.bptt_horizon": 2, "train.minibatch_size": 2},
}
SMALLEST_WITH_WORKERS = {
    "env.num_agents": 1,
    "env.num_worlds": 1,
    "vec.backend": "Multiprocessing",
    "vec.num_envs": 2,
    "vec.num_workers": 2,
    "vec.batch_size": 1,
    "vec.overwork": True,
    "train.bptt_horizon": 2,
    "train.minibatch_size": 2,
}
FILES = {"native": "configs/native/arena-small.yaml", "puffer": "configs/puffer/arena-small.ini"}
WORLDS = 16, 96
WORLD_AGENTS = 6, 24
HORIZON = 16
ROWS = 24, 96, 192, 384
ROWS_OF_OPTIONS = 192
PASSES = 6  # the C allocator keeps what it cannot join, so that the first pass of a round needs least
AGENTS = 192, 1536
NOT_SIZES = ("recurrent", "channels", "height", "width", "num_actions")


def observations(env: Any) -> Tensor:
    """uint8 [rows, T, tokens, 3] of random play."""
    env.reset(seed=0)
    draw = np.random.default_rng(0)
    seen = []
    for _ in range(HORIZON):
        env.step(draw.integers(0, env.single_action_space.n, env.num_agents).astype(np.int32))
        seen.append(env.observations.copy())
    return torch.from_numpy(np.stack(seen, 1))


def peak_bytes(action: Any) -> int:
    """Peak resident bytes of a forked process that does `action`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
            os.write(writer, line.split()[1].encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return int(text) * 1024


def measured(plan: PolicyPlan, rows: Sequence[int], env: Any, seen: Tensor) -> dict[str, Any]:
    policy, recurrent = build_policy(plan, env), plan.recurrent

    def train(rows: int) -> None:
        draw = torch.Generator().manual_seed(0)
        for _ in range(PASSES):
            batch = seen[torch.randperm(len(seen), generator=draw)[:rows]]
            batch = batch if recurrent else batch.flatten(0, 1)
            logits, values = policy(batch, {"lstm_h": None, "lstm_c": None})
            (logits.logsumexp(-1).mean() + values.float().mean()).backward()

    def act(agents: int) -> None:
        state = torch.zeros(agents, int(policy.hidden_size))  # type: ignore[arg-type]
        with torch.no_grad():
            policy.forward_eval(
                seen[:, 0].repeat(3, 1, 1)[:agents], {"lstm_h": state, "lstm_c": state} if recurrent else {}
            )

    constant = peak_bytes(lambda: train(1))
    trained = [(n * HORIZON, peak_bytes(lambda n=n: train(n)) - constant) for n in rows]
    acting = [peak_bytes(lambda agents=agents: act(agents)) for agents in AGENTS]
    return {
        "parameters": sum(weights.numel() for weights in policy.parameters()),
        "hidden_size": int(policy.hidden_size) if recurrent else 0,  # type: ignore[arg-type]
        "trained_bytes": trained,
        "bytes_per_acting_agent": round((acting[1] - acting[0]) / (AGENTS[1] - AGENTS[0])),
    }


def weighing(peak: float, curve: list[tuple[int, int]]) -> float:
    """How many agent-steps weigh `peak` bytes: the inverse of arithmetic.trained_bytes."""
    points = [(0, 0), *curve]
    after = next((i for i, (_, weight) in enumerate(points) if weight >= peak and i), len(points) - 1)
    (low, low_bytes), (high, high_bytes) = points[after - 1], points[after]
    return low + (peak - low_bytes) * (high - low) / (high_bytes - low_bytes)


def sizes_of(name: str) -> dict[str, int]:
    """Whole-number options and their defaults."""
    signature = inspect.signature(POLICIES[name]).parameters
    return {key: p.default for key, p in signature.items() if type(p.default) is int and key not in NOT_SIZES}


def entry(name: str, recurrent: bool, env: Any, seen: Tensor) -> dict[str, Any]:
    plan = PolicyPlan(name=name, recurrent=recurrent)
    base = measured(plan, ROWS, env, seen)
    exponents = {}
    for option, default in sizes_of(name).items():
        try:
            doubled_plan = plan.model_copy(update={"options": {option: 2 * default}})
            doubled = measured(doubled_plan, [ROWS_OF_OPTIONS], env, seen)
        except Exception as error:  # a size that this architecture refuses says nothing about memory
            print(f"  {name} {option}={2 * default}: {error}", file=sys.stderr)
            continue
        powers = {key: round(math.log2(max(1, doubled[key]) / max(1, base[key])), 2) for key in NUMBERS}
        [(agent_steps, peak)] = doubled["trained_bytes"]
        powers["trained_agent_steps"] = round(math.log2(weighing(peak, base["trained_bytes"]) / agent_steps), 2)
        # No size needs less when it is larger; where it needs no more, what malloc keeps differs by chance.
        exponents[option] = {"default": default, **{key: power for key, power in powers.items() if power > 0}}
    return {**base, "options": exponents}


def write(part: str, found: Any) -> None:
    whole = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    whole[part] = {**whole[part], **found} if part == "policies" and part in whole else found
    TABLE.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")


def measure_policies(names: list[str]) -> None:
    torch.set_num_threads(1)
    env = MettaPufferEnv(game="arena", num_agents=24, num_worlds=24)
    seen = observations(env)
    # Both passes once, so that what torch loads on first use is in every fork alike.
    warm = build_policy(PolicyPlan(name="small"), env)
    warm(seen[:2], {"lstm_h": None, "lstm_c": None})[0].mean().backward()
    for name in names or sorted(POLICIES):
        for recurrent in (True, False):
            key = name if recurrent else f"{name} without recurrence"
            found = entry(name, recurrent, env, seen)
            print(key, {k: v for k, v in found.items() if k != "options"}, flush=True)
            write("policies", {key: found})


def measure_engines() -> None:
    def play(engine: Any, worlds: int, agents: int) -> None:
        env = MettaPufferEnv(game="arena", num_agents=agents, num_worlds=worlds, engine=engine)
        env.reset(seed=0)
        for _ in range(4):
            env.step(np.zeros(env.num_agents, np.int32))

    play("native", 1, 1)
    play("published", 1, 1)
    found = {}
    for engine in ("native", "published"):
        each = []
        for agents in WORLD_AGENTS:
            peaks = [peak_bytes(lambda w=worlds, n=agents, e=engine: play(e, w, n)) for worlds in WORLDS]
            buffers = agents * (200 * 3 + VECTOR_AGENT_BYTES["3.0.23"])
            each.append((peaks[1] - peaks[0]) / (WORLDS[1] - WORLDS[0]) - buffers)
        agent = (each[1] - each[0]) / (WORLD_AGENTS[1] - WORLD_AGENTS[0])
        found[engine] = {"world": round(each[0] - agent * WORLD_AGENTS[0]), "world_agent": round(agent)}
    print(found)
    write("engines", found)


def measure_base() -> None:
    """After the engines and the policy `small`, whose bytes are taken off."""
    runs = {
        trainer: measured_run(trainer, FILES[trainer], SMALLEST[trainer], timeout_seconds=120)
        for trainer in ("native", "puffer")
    }
    workers = measured_run("puffer", FILES["puffer"], SMALLEST_WITH_WORKERS, timeout_seconds=120).worker_bytes
    before = json.loads(TABLE.read_text())
    world = before["engines"]["native"]["world"] + before["engines"]["native"]["world_agent"]
    print(runs, workers)
    write("base", {trainer: run.own_bytes - world for trainer, run in runs.items()})
    files = [*before.get("file_pages", ()), *(run.file_bytes for run in runs.values())]
    write("file_pages", [min(files), max(files)])
    write("worker", max(workers) - world)
    write(
        "measured_with",
        {"torch": torch.__version__, "python": platform.python_version(), "system": platform.platform()},
    )


def main() -> None:
    part, *names = sys.argv[1:] or [""]
    if part == "policies":
        measure_policies(names)
    elif part == "engines":
        measure_engines()
    elif part == "base":
        measure_base()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()

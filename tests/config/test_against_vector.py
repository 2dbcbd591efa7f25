"""Predictions against the real pufferlib.vector.make: which arguments it refuses, with which words, what it builds."""

from typing import Any

import gymnasium
import numpy as np
import psutil
import pufferlib
import pufferlib.vector
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_puffer.config.loading import load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.sides import puffer_side
from tests.config.conftest import CONFIGS


class Accepted(Exception):
    """Raised in place of building the first environment of a Multiprocessing backend: every check is behind it."""


class Tiny(pufferlib.PufferEnv):
    def __init__(self, buf: Any = None, seed: int = 0) -> None:
        self.single_observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
        self.single_action_space = gymnasium.spaces.Discrete(2)
        self.num_agents = 2
        super().__init__(buf)


def build(backend: str, arguments: dict[str, Any]) -> int:
    """How many environments vector.make builds; Accepted when Multiprocessing would start its workers."""

    def create(*args: Any, **kwargs: Any) -> Tiny:
        if backend == "Multiprocessing":
            raise Accepted
        return Tiny(*args, **kwargs)

    vecenv = pufferlib.vector.make(create, backend=backend, **arguments)
    return int(vecenv.num_agents) // 2


@settings(max_examples=200, deadline=None)
@given(
    backend=st.sampled_from(["Serial", "Multiprocessing", "PufferEnv"]),
    num_envs=st.integers(1, 12),
    num_workers=st.one_of(st.just("auto"), st.integers(1, 12)),
    batch_size=st.one_of(st.just("auto"), st.integers(1, 12)),
    zero_copy=st.booleans(),
    overwork=st.booleans(),
)
def test_vector_make(backend: str, **arguments: Any) -> None:
    cores = psutil.cpu_count(logical=False)
    overrides = {f"vec.{key}": value for key, value in arguments.items()}
    overrides |= {"vec.backend": backend, "env.num_agents": 2, "train.minibatch_size": 64}
    machine = Machine(physical_cores=cores, logical_cpus=cores)
    side = puffer_side(load_puffer(CONFIGS / "puffer" / "default.ini", overrides), machine)
    problems = [p for p in side.sizes.problems if p.key and p.key.startswith("vec.")]
    quotes = [p.quotes for p in problems if p.quotes]
    if any(p.finding in ("forward-too-large", "groups-mixed") for p in problems):
        return  # PufferLib does not check these; ours does, before it hangs or indexes past its environments
    try:
        built = build(backend, arguments)
    except Accepted:
        assert not problems
        return
    except pufferlib.APIUsageError as error:
        if backend == "PufferEnv":
            assert problems[0].finding == "backend-one-env"
        else:
            assert any(quote in str(error) for quote in quotes), (str(error), quotes)
        return
    assert not problems
    assert built == side.sizes.envs


@pytest.mark.parametrize("num_envs, workers", [(8, 2), (6, 3), (4, 4)])
def test_distinct_seeds(num_envs: int, workers: int) -> None:
    """World j of worker w gets seed + w + j, read from the workers' own calls."""
    seen = []
    for worker in range(workers):
        block = num_envs // workers
        seen += pufferlib.vector.make_seeds(42 + worker, block)
    overrides = {"vec.num_envs": num_envs, "vec.num_workers": workers, "vec.batch_size": num_envs, "env.num_agents": 2}
    side = puffer_side(load_puffer(CONFIGS / "puffer" / "default.ini", overrides), Machine(64, 64), loop="stock")
    assert side.value("distinct_env_seeds") == len(set(seen))


@pytest.mark.parametrize("backend, num_envs", [("Serial", 3), ("PufferEnv", 1)])
def test_bytes_shared_by_worlds_and_trainer(backend: str, num_envs: int) -> None:
    arguments: dict[str, Any] = {"num_envs": num_envs, "num_workers": 1, "batch_size": num_envs}
    vecenv = pufferlib.vector.make(Tiny, backend=backend, **({} if backend == "PufferEnv" else arguments))
    names = ("observations", "rewards", "terminals", "truncations", "masks", "actions", "teacher_actions")
    envs = vecenv.envs if backend == "Serial" else [vecenv]
    held = sum(getattr(env, name).nbytes for env in envs for name in names)
    overrides = {f"vec.{key}": value for key, value in arguments.items()} | {"vec.backend": backend}
    overrides |= {"env.num_agents": 2, "env.num_tokens": 4}
    side = puffer_side(load_puffer(CONFIGS / "puffer" / "default.ini", overrides), Machine(64, 64))
    # The tiny world's observation is one float32, four bytes; the audit counts four tokens of three.
    assert side.value("vector_buffer_bytes") - held == side.value("total_agents") * (4 * 3 - 4)

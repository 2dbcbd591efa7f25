"""A process forks while it has a batch: what parent and child may do with it."""

import gc
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pufferlib.vector
import pytest

from metta_puffer import MettaPufferEnv
from metta_puffer.engine import WorldError
from tests.engine.batches import assert_same, begun, expected_after


def in_child(work: Callable[[], str]) -> str:
    """What `work` returned, or raised, in a forked process that then frees what it inherited."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            try:
                text = work()
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
            os.write(write_end, text.encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        text = stream.read().decode()
    assert os.waitpid(pid, 0)[1] == 0, text
    return text


def test_a_child_frees_a_batch_whose_threads_it_has_not() -> None:
    batches = [begun()[0]]
    batches[0].step()

    def free() -> str:
        batches.clear()
        gc.collect()
        return "freed"

    assert in_child(free) == "freed"
    batches[0].step()


def test_a_child_forked_amid_a_step_is_told() -> None:
    batch, buffers = begun()
    batch.step_async(0)

    def wait() -> str:
        try:
            batch.wait(0)
        except WorldError as error:
            told = str(error)
            assert {failure.env_step for failure in error.failures} == {None}  # not known, so not made up
        for world in range(3):
            batch.begin_episode(world, world, world)
        batch.step_async(0)
        batch.step_async(1)
        batch.wait(0)
        batch.wait(1)
        assert_same(buffers, expected_after(1))
        batch.close()
        return told

    told = in_child(wait)
    assert "world 0" in told and "world 2" in told and "world 3" not in told
    assert "forked" in told and "env step" not in told
    batch.wait(0)
    batch.step_async(1)
    batch.wait(1)
    assert_same(buffers, expected_after(1))


def test_a_child_may_close_or_free_a_batch_that_was_stepping() -> None:
    batches = [begun()[0]]
    batches[0].step_async(0)

    def close() -> str:
        batches[0].close()
        batches.clear()
        gc.collect()
        return "closed"

    assert in_child(close) == "closed"
    batches[0].wait(0)


@pytest.mark.parametrize("map_pool", [0, 2])
def test_a_child_builds_maps_of_its_own(map_pool: int) -> None:
    """Episodes turn over in it although the thread that built the parent's maps did not come along."""
    env = MettaPufferEnv("navigation", num_agents=2, max_steps=4, map_pool=map_pool)
    env.reset(seed=0)
    actions = np.zeros(2, dtype=np.int32)

    def play() -> str:
        return "".join(str(env.step(actions)[0].sum()) + " " for _ in range(13))

    inherited = in_child(play)
    assert inherited == play()
    env.close()


def rollout(backend: Any, num_threads: int, **options: Any) -> list[npt.NDArray[Any]]:
    kwargs = {"num_agents": 3, "num_worlds": 2, "max_steps": 10, "engine": "native", "num_threads": num_threads}
    vecenv = pufferlib.vector.make(MettaPufferEnv, env_kwargs=kwargs, backend=backend, seed=3, num_envs=2, **options)
    observations, _ = vecenv.reset(5)
    seen = [observations.copy()]
    rng = np.random.default_rng(0)
    for _ in range(25):
        observations, rewards, terminals, truncations, *_ = vecenv.step(rng.integers(0, 5, len(observations)))
        seen += [observations.copy(), rewards.copy(), terminals.copy(), truncations.copy()]
    vecenv.close()
    return seen


def test_threads_in_pufferlibs_workers() -> None:
    serial = rollout(pufferlib.vector.Serial, 1)
    workers = rollout(pufferlib.vector.Multiprocessing, 2, num_workers=2, overwork=True)
    for expected, got in zip(serial, workers, strict=True):
        np.testing.assert_array_equal(expected, got)

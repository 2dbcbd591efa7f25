"""MettaPufferEnv under every backend of pufferlib.vector."""

from typing import Any

import numpy as np
import pufferlib.vector
import pytest

from metta_puffer import MettaPufferEnv

OPTIONS = {"num_agents": 3, "num_worlds": 2, "max_steps": 10}


def make(backend: str, engine: str = "native", **vec: Any) -> Any:
    if backend == "Multiprocessing":
        vec["overwork"] = True  # two workers, whatever the number of cores
    return pufferlib.vector.make(
        MettaPufferEnv, env_kwargs={**OPTIONS, "engine": engine}, backend=backend, seed=3, **vec
    )


def rollout(vecenv: Any, rounds: int) -> tuple[list[bytes], list[dict[str, float]]]:
    """Each agent's first observation, and all infos."""
    first, infos = {}, []
    vecenv.async_reset(5)
    for _ in range(rounds):
        observations, rewards, terminals, truncations, _, info, agent_ids, masks = vecenv.recv()
        assert len(observations) == len(rewards) == len(terminals) == len(truncations) == len(masks)
        assert masks.all()
        for agent, observation in zip(agent_ids, observations, strict=True):
            first.setdefault(int(agent), observation.tobytes())
        infos += info
        vecenv.send(np.random.default_rng(len(infos)).integers(0, 5, len(observations)))
    vecenv.close()
    return [first[agent] for agent in sorted(first)], infos


@pytest.mark.parametrize(
    ("backend", "vec", "agents"),
    [
        ("PufferEnv", {}, 6),
        ("Serial", {"num_envs": 2}, 12),
        ("Multiprocessing", {"num_envs": 2, "num_workers": 2}, 12),
        ("Multiprocessing", {"num_envs": 4, "num_workers": 2, "batch_size": 2}, 24),
    ],
)
@pytest.mark.parametrize("engine", ["native", "published"])
def test_backend(backend: str, vec: dict[str, Any], agents: int, engine: str) -> None:
    batches = vec.get("num_envs", 1) // vec.get("batch_size", vec.get("num_envs", 1))
    first, infos = rollout(make(backend, engine, **vec), rounds=24 * batches)
    assert len(first) == len(set(first)) == agents
    # 23 or 24 env steps of each world were received: two ended episodes each.
    assert len(infos) == 2 * agents // 3
    assert {info["episode_length"] for info in infos} == {10.0}


def test_serial_and_multiprocessing_run_the_same_episodes() -> None:
    serial, _ = rollout(make("Serial", num_envs=2), rounds=2)
    workers, _ = rollout(make("Multiprocessing", num_envs=2, num_workers=2), rounds=2)
    assert serial == workers

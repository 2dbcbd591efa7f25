"""Plays episodes with a checkpoint's policy."""

from collections import defaultdict

import torch

from metta_puffer import uris
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.distribution import sample
from metta_puffer.native.worlds import EnvFactory, metta_env
from metta_puffer.policies import build_policy


def evaluate(
    location: uris.Location, *, episodes: int, seed: int, env_factory: EnvFactory = metta_env
) -> dict[str, float]:
    """Means of the statistics of the first `episodes` episodes (one episode is one world), actions sampled.

    Raises UserError for a missing, foreign or damaged checkpoint.
    """
    version = checkpoints.resolve(location)
    checkpoint = checkpoints.load(version)
    plan = checkpoints.plan_of(checkpoint, version)
    if episodes < 1:
        raise UserError("nothing to play", key="--episodes", value=episodes, remedy="play at least 1 episode")
    generator = torch.Generator().manual_seed(seed)
    env = env_factory(plan.env, min(episodes, plan.env.envs_per_forward), seed)
    policy = build_policy(plan.policy, env)
    policy.load_state_dict(checkpoint.weights)
    statistics: dict[str, list[float]] = defaultdict(list)
    played = 0
    try:
        observations, _ = env.reset(seed)
        resets = torch.ones(env.num_agents)
        state: dict[str, torch.Tensor] = {}
        while played < episodes:
            if plan.rules.reset_state_on_done and "lstm_h" in state:
                for name in ("lstm_h", "lstm_c"):
                    state[name] = state[name] * (1.0 - resets)[:, None]
            with torch.no_grad():
                logits, _ = policy.forward_eval(torch.from_numpy(observations), state)  # type: ignore[operator]
            actions, _ = sample(logits, generator)
            observations, _, terminals, truncations, infos = env.step(actions.int().numpy())
            resets = torch.from_numpy(terminals | truncations).float()
            for info in infos[: episodes - played]:
                for name, value in info.items():
                    statistics[name].append(float(value))
            played += len(infos[: episodes - played])
    finally:
        env.close()
    return {name: sum(values) / len(values) for name, values in statistics.items()}

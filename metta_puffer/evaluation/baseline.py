"""The score that a policy has to beat to have learned anything."""

from dataclasses import dataclass

import numpy as np

from metta_puffer.config.plan import EnvPlan
from metta_puffer.env import MettaPufferEnv
from metta_puffer.env_actions import ActionCodec
from metta_puffer.evaluation.actors import RandomActor
from metta_puffer.evaluation.simulate import Episode, held_out_seeds, simulate


@dataclass(frozen=True)
class RandomPolicyScore:
    mean: float  # of the episodes' scores
    standard_error: float  # of that mean, 0 for a single episode
    episodes: list[Episode]


def random_policy_score(env_plan: EnvPlan, episodes: int, seed: int) -> RandomPolicyScore:
    """`episodes` episodes of the plan's game with uniformly random actions. UserError for an unusable plan."""
    env = MettaPufferEnv(env_plan.game, env_plan.agents_per_world, engine=env_plan.engine, **env_plan.game_options)
    env.close()
    actor = RandomActor(int(ActionCodec(env.config).space.n), seed)
    played = simulate(env.config, actor, held_out_seeds(seed, episodes), engine=env_plan.engine)
    scores = np.array([episode.score for episode in played])
    error = float(scores.std(ddof=1) / len(scores) ** 0.5) if len(scores) > 1 else 0.0
    return RandomPolicyScore(mean=float(scores.mean()), standard_error=error, episodes=played)

"""Episodes on given seeds, against single worlds stepped by hand."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from metta_puffer.config.plan import EnvPlan
from metta_puffer.engine import open_world
from metta_puffer.errors import UserError
from metta_puffer.evaluation import held_out_seeds, simulate
from metta_puffer.evaluation.actors import PolicyActor, RandomActor
from metta_puffer.evaluation.baseline import random_policy_score
from metta_puffer.games import make_game

AGENTS = 3


class ByWhatIsSeen:
    """Actions that depend on nothing but each agent's own observation."""

    def act(self, observations: npt.NDArray[np.uint8], first: bool) -> npt.NDArray[np.int64]:
        return observations.astype(np.int64).sum(axis=(1, 2)) % 5


def test_episodes_equal_worlds_stepped_by_hand() -> None:
    config = make_game("arena", AGENTS, max_steps=30)
    seeds = [4, 9, 2]
    episodes = simulate(config, ByWhatIsSeen(), seeds, worlds_at_once=2)
    assert [episode.seed for episode in episodes] == seeds
    for episode in episodes:
        world = open_world(config, seed=episode.seed, engine="published")
        total = np.zeros(AGENTS, dtype=np.float32)
        for _ in range(30):
            world.step(ByWhatIsSeen().act(world.observations, False).astype(np.int32))
            total += world.rewards
        assert world.terminals.all()
        assert episode.env_steps == 30 == episode.stats["episode_length"]
        assert episode.score == pytest.approx(float(total.mean()))
        ore = sum(agent.get("ore_red.gained", 0.0) for agent in world.episode_stats()["agent"]) / AGENTS
        assert episode.stats["agent/ore_red.gained"] == pytest.approx(ore)


def test_worlds_at_once_do_not_change_the_scores() -> None:
    config = make_game("arena", AGENTS, max_steps=25)
    seeds = held_out_seeds(1, 5)
    one, many = (simulate(config, ByWhatIsSeen(), seeds, worlds_at_once=count) for count in (1, 4))
    assert one == many


def test_worlds_that_end_early_are_scored_at_their_end() -> None:
    config = make_game("arena", 1, max_steps=60, room_size=6, blocks=0, walls=0)
    config.game.end_episode_on_game_stats = {"tokens_written": 900.0}
    episodes = simulate(config, RandomActor(5, 0), held_out_seeds(0, 6))
    lengths = [episode.env_steps for episode in episodes]
    assert len(set(lengths)) > 1
    for episode in episodes:
        assert episode.stats["episode_length"] == episode.env_steps


def test_held_out_seeds_are_distinct_and_follow_the_seed() -> None:
    seeds = held_out_seeds(3, 100)
    assert len(set(seeds)) == 100
    assert seeds[:10] == held_out_seeds(3, 10) != held_out_seeds(4, 10)


def test_nothing_to_play() -> None:
    with pytest.raises(UserError, match="nothing to play"):
        simulate(make_game("arena", 1), ByWhatIsSeen(), [])
    endless = make_game("arena", 1)
    endless.game.max_steps = 0
    with pytest.raises(UserError, match="max_steps"):
        simulate(endless, ByWhatIsSeen(), [1])


class Counting(nn.Module):
    """Prefers the action that counts its calls since the state was empty."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward_eval(self, observations: torch.Tensor, state: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        state["calls"] = state.get("calls", 0) + 1
        logits = torch.zeros(len(observations), 5)
        logits[:, state["calls"] % 5] = self.scale
        return logits, logits[:, :1]


def test_policy_acts_greedily_with_a_state_that_episodes_do_not_share() -> None:
    actor = PolicyActor(Counting(), deterministic=True)
    seen = np.zeros((2, 8, 3), dtype=np.uint8)
    taken = [actor.act(seen, first).tolist() for first in (True, False, False, True, False)]
    assert taken == [[1, 1], [2, 2], [3, 3], [1, 1], [2, 2]]


def test_policy_draws_from_its_probabilities_with_its_seed() -> None:
    seen = np.zeros((20000, 8, 3), dtype=np.uint8)
    first, again, other = (
        PolicyActor(Counting(), deterministic=False, seed=seed).act(seen, True) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    weight = np.exp(2.0)
    share = np.bincount(first, minlength=5) / len(first)
    # Standard error of a share: below 0.0036.
    np.testing.assert_allclose(share, np.where(np.arange(5) == 1, weight, 1.0) / (4 + weight), atol=0.015)


def env_plan(**game_options: Any) -> EnvPlan:
    return EnvPlan(
        game="arena",
        game_options={"max_steps": 40, **game_options},
        agents_per_env=2 * AGENTS,
        worlds_per_env=2,
        envs=1,
        workers=1,
        envs_per_forward=1,
        backend="PufferEnv",
    )


def test_random_policy_score() -> None:
    plan = env_plan(desync_episodes=True)
    score = random_policy_score(plan, episodes=4, seed=3)
    config = make_game("arena", AGENTS, max_steps=40)
    episodes = simulate(config, RandomActor(5, 3), held_out_seeds(3, 4))
    assert score.episodes == episodes
    scores = [episode.score for episode in episodes]
    assert score.mean == pytest.approx(np.mean(scores))
    assert score.standard_error == pytest.approx(np.std(scores, ddof=1) / 2)
    assert random_policy_score(plan, episodes=1, seed=3).standard_error == 0.0


def test_random_policy_score_refuses_an_unknown_option() -> None:
    with pytest.raises(UserError, match="heart_reward"):
        random_policy_score(env_plan(heart_rewad=1.0), episodes=1, seed=0)

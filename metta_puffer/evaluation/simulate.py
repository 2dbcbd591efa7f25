"""Whole episodes of a frozen policy on given seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer.engine import EndedEpisode, EngineName, WorldBuffers, open_batch
from metta_puffer.env_actions import ActionCodec
from metta_puffer.env_episodes import episode_info, expected_agent_stats
from metta_puffer.errors import UserError


class Actor(Protocol):
    """Chooses actions, one number an agent as `MettaPufferEnv.step` takes them."""

    def act(self, observations: npt.NDArray[np.uint8], first: bool) -> npt.NDArray[Any]:
        """[rows, tokens, 3] -> integers [rows]. `first`: every row is the first observation of its episode."""
        ...


@dataclass(frozen=True)
class Episode:
    seed: int  # of the map and of the engine's random numbers
    score: float  # reward summed over the episode, mean over agents
    env_steps: int
    stats: dict[str, float]  # as `MettaPufferEnv` reports them in `info`


def held_out_seeds(seed: int, episodes: int) -> list[int]:
    """uint32 seeds for `simulate`. MettaPufferEnv draws its map seeds from 64 bits, so training hardly meets them."""
    return [int(word) for word in np.random.SeedSequence(seed, spawn_key=(0xE7A1,)).generate_state(episodes)]


def simulate(
    config: MettaGridConfig,
    actor: Actor,
    seeds: Sequence[int],
    *,
    engine: EngineName = "published",
    num_threads: int = 1,
    worlds_at_once: int = 8,
) -> list[Episode]:
    """One episode for each of `seeds` (uint32), in their order; `worlds_at_once` worlds share one call of the actor.

    Raises UserError for a game without a last env step, or when there is nothing to play.
    """
    if config.game.max_steps == 0:
        raise UserError(
            "an episode of this game has no end", key="max_steps", value=0, remedy="give the game a number of env steps"
        )
    if not seeds or worlds_at_once < 1:
        raise UserError("there is nothing to play", remedy="play at least 1 episode in 1 world at once")
    episodes: list[Episode] = []
    for start in range(0, len(seeds), worlds_at_once):
        episodes += _play(config, actor, seeds[start : start + worlds_at_once], engine, num_threads)
    return episodes


def _play(
    config: MettaGridConfig, actor: Actor, seeds: Sequence[int], engine: EngineName, num_threads: int
) -> list[Episode]:
    """One episode of every seed, side by side. A world that ends early steps on unheeded until the last one ends."""
    buffers = WorldBuffers.zeros(config, len(seeds))
    batch = open_batch(config, len(seeds), buffers, engine, num_threads)
    codec = ActionCodec(config)
    episodes: dict[int, Episode] = {}
    try:
        for world, seed in enumerate(seeds):
            batch.begin_episode(world, seed, seed)
        env_steps = 0
        while len(episodes) < len(seeds):
            actions = actor.act(buffers.observations, first=env_steps == 0)
            batch.act(actions, codec)
            env_steps += 1
            for ended in batch.take_ended():
                episodes[ended.world] = _episode(config, ended, seeds[ended.world])
    finally:
        batch.close()
    return [episodes[world] for world in range(len(seeds))]


def _episode(config: MettaGridConfig, ended: EndedEpisode, seed: int) -> Episode:
    stats = episode_info(ended, expected_agent_stats(config))
    return Episode(seed=seed, score=stats["episode_return"], env_steps=ended.env_steps, stats=stats)

"""Which seeds an episode gets: one for the engine's random numbers, one for its map."""

from typing import Literal, Protocol

import numpy as np

EpisodeSeeds = Literal["derived", "fixed"]


class SeedRule(Protocol):
    def reseed(self, seed: int) -> None:
        """What `reset(seed)` does."""
        ...

    def seek(self, world: int, episode: int) -> None:
        """Makes `episode` (0 is the first since the last reseed) the next one of `world`."""
        ...

    def upcoming(self, world: int) -> tuple[int, int]:
        """(engine seed: uint32, map seed: non-negative) of the episode that `world` begins next."""
        ...

    def advance(self, world: int) -> None:
        """`world` has begun its upcoming episode."""
        ...

    def next(self, world: int) -> tuple[int, int]:
        """The seeds of the episode that `world` begins now."""
        seeds = self.upcoming(world)
        self.advance(world)
        return seeds


class DerivedSeeds(SeedRule):
    """Every episode its own pair of seeds, hashed from (env seed, reset seed, world, episode).

    The seed the environment was made with stays part of it after `reset(seed)`, because PufferLib's Serial inside
    Multiprocessing hands out overlapping reset seeds: worker 0's second and worker 1's first env get the same one.
    """

    def __init__(self, seed: int, worlds: int, first_world: int = 0) -> None:
        """`first_world`, as MettaPufferEnv takes it, is at most `seed` and at most every reset seed."""
        self._first_world = first_world
        self._entropy = [seed - first_world, 0]
        self._episodes = [0] * worlds

    def reseed(self, seed: int) -> None:
        self._entropy = [self._entropy[0], seed - self._first_world + 1]
        self._episodes = [0] * len(self._episodes)

    def seek(self, world: int, episode: int) -> None:
        self._episodes[world] = episode

    def upcoming(self, world: int) -> tuple[int, int]:
        sequence = np.random.SeedSequence(self._entropy, spawn_key=(self._first_world + world, self._episodes[world]))
        engine_seed, high, low = (int(word) for word in sequence.generate_state(3))
        return engine_seed, high << 32 | low

    def advance(self, world: int) -> None:
        self._episodes[world] += 1


class FixedSeeds(SeedRule):
    """Upstream's rule (spec 8.3): one engine seed for all episodes, the map seed counted up by one an episode.

    World w has engine seed `seed + w`. Maps count from `map_seed`, the seed of the config's map builder; upstream's
    constructor uses up the first one. A `reset(seed)` replaces the engine seed only.
    """

    def __init__(self, seed: int, worlds: int, map_seed: int) -> None:
        self._seed = seed
        self._map_seeds = [map_seed] * worlds
        self._reset_at = [map_seed] * worlds

    def reseed(self, seed: int) -> None:
        self._seed = seed
        self._reset_at = list(self._map_seeds)

    def seek(self, world: int, episode: int) -> None:
        self._map_seeds[world] = self._reset_at[world] + episode

    def upcoming(self, world: int) -> tuple[int, int]:
        return (self._seed + world) % 2**32, self._map_seeds[world] + 1

    def advance(self, world: int) -> None:
        self._map_seeds[world] += 1

"""The published `mettagrid` wheel behind the World and the WorldBatch protocol.

The wheel keeps the ids of its fixed observation features in process-wide variables that every new world
overwrites (spec 10.4): worlds of different configs must not take turns in one process.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_c_config import convert_to_cpp_game_config
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.mettagrid_c import MettaGrid

from metta_puffer.engine.batch import (
    TOKEN_OVERFLOW_STAT,
    Codec,
    EndedEpisode,
    WorldBuffers,
    first_observation_overflow,
    is_token_overflow,
)
from metta_puffer.engine.errors import WorldError, WorldFailure
from metta_puffer.engine.maps import Grid, build_grid, rename_agents


class PublishedGame:
    """A config converted for the wheel once, from which any number of worlds can be built."""

    def __init__(self, config: MettaGridConfig) -> None:
        # The conversion fills `game.agents` in place, so it gets a copy.
        self.config = config.model_copy(deep=True)
        self._converted, self._renames = convert_to_cpp_game_config(self.config.game)

    def build(self, grid: Grid, seed: int) -> MettaGrid:
        """A world at its first observation. `seed`: uint32, seeds the engine's random numbers only."""
        return MettaGrid(self._converted, rename_agents(grid, self._renames), seed)


def end_on_game_stats(simulation: MettaGrid, thresholds: dict[str, float], truncations: npt.NDArray[np.bool_]) -> None:
    """Sets `truncations` once a game stat reaches its threshold (`game.end_episode_on_game_stats`).

    The wheel leaves this rule to its Python simulator; it is therefore part of a world here.
    """
    for name, threshold in thresholds.items():
        value = simulation.get_game_stat(name)
        if value is not None and value >= threshold:
            truncations[:] = True
            return


class PublishedWorld:
    """One world, one episode (see `metta_puffer.engine.world.World`)."""

    def __init__(self, config: MettaGridConfig, grid: Grid | None = None, seed: int = 0) -> None:
        game = PublishedGame(config)
        self._simulation = game.build(build_grid(config, seed) if grid is None else grid, seed)
        self._thresholds = dict(config.game.end_episode_on_game_stats)
        self._actions = self._simulation.actions()
        self._vibe_actions = self._simulation.vibe_actions()
        self.observations: npt.NDArray[np.uint8] = self._simulation.observations()
        self.rewards: npt.NDArray[np.float32] = self._simulation.rewards()
        self.terminals: npt.NDArray[np.bool_] = self._simulation.terminals()
        self.truncations: npt.NDArray[np.bool_] = self._simulation.truncations()
        self.action_success: npt.NDArray[np.bool_] = np.zeros(len(self.rewards), dtype=np.bool_)

    def step(self, actions: npt.NDArray[np.int32], vibe_actions: npt.NDArray[np.int32] | None = None) -> None:
        self._actions[:] = actions
        self._vibe_actions[:] = 0 if vibe_actions is None else vibe_actions
        self._simulation.step()
        self.action_success[:] = self._simulation.action_success()
        if self._thresholds:
            end_on_game_stats(self._simulation, self._thresholds, self.truncations)

    def episode_stats(self) -> dict[str, Any]:
        return dict(self._simulation.get_episode_stats())

    def set_inventory(self, agent: int, amounts: dict[int, int]) -> None:
        self._simulation.set_inventory(agent, amounts)

    def grid_objects(self) -> dict[int, dict[str, Any]]:
        return self._simulation.grid_objects()

    def close(self) -> None:
        if hasattr(self, "_simulation"):
            del self._simulation


class PublishedBatch:
    """Worlds of one game, one after the other on the caller's thread (see `metta_puffer.engine.batch.WorldBatch`).

    Every world writes straight into its rows of the buffers.
    """

    def __init__(self, config: MettaGridConfig, worlds: int, buffers: WorldBuffers, *, map_pool: int = 0) -> None:
        self._game = PublishedGame(config)
        self._map_pool = map_pool
        self._thresholds = dict(config.game.end_episode_on_game_stats)
        agents = config.game.num_agents
        self._rows = [slice(world * agents, (world + 1) * agents) for world in range(worlds)]
        self._buffers = buffers
        self._worlds = [_BatchedWorld() for _ in range(worlds)]
        self._ended: list[EndedEpisode] = []
        self._stepping = False  # between step_async and wait

    def begin_episode(self, world: int, engine_seed: int, map_seed: int) -> None:
        rows, buffers = self._rows[world], self._buffers
        grid = build_grid(self._game.config, map_seed % self._map_pool if self._map_pool else map_seed)
        try:
            simulation = self._game.build(grid, engine_seed)
            simulation.set_buffers(
                buffers.observations[rows],
                buffers.terminals[rows],
                buffers.truncations[rows],
                buffers.rewards[rows],
                buffers.actions[rows],
                buffers.vibe_actions[rows],
            )
        except RuntimeError as error:
            if not is_token_overflow(error):
                raise
            raise first_observation_overflow(error, self._game.config.game.obs.num_tokens) from error
        self._worlds[world] = _BatchedWorld(simulation)

    def set_next_episode(self, world: int, engine_seed: int, map_seed: int) -> None:
        self._worlds[world].next_seeds = (engine_seed, map_seed)

    def end_early(self, world: int, env_step: int) -> None:
        self._worlds[world].ends_early = env_step

    def step(self) -> None:
        self.require_idle()
        failures = []
        for index, world in enumerate(self._worlds):
            if world.failed or world.simulation is None:
                continue
            try:
                self._step_world(index)
            except Exception as error:  # the wheel's, or a map builder's; the other worlds have to go on
                self._worlds[index].failed = True
                failures.append(WorldFailure(index, world.simulation.current_step, None, str(error)))
        if failures:
            raise WorldError(failures)

    def act(self, actions: npt.ArrayLike, codec: Codec) -> bool:
        self.require_idle()
        codec.decode(actions, self._buffers.actions, self._buffers.vibe_actions)
        self.step()
        return bool(self._ended)

    def step_async(self, group: int) -> None:
        """All worlds are one group, whose step `wait` takes."""
        self.require_idle()
        self._stepping = True

    def wait(self, group: int) -> None:
        if not self._stepping:
            raise ValueError(f"group {group} is not stepping")
        self._stepping = False
        self.step()

    def require_idle(self, group: int | None = None) -> None:
        if self._stepping:
            raise ValueError(f"group {group or 0} is stepping already: wait for it first")

    def _step_world(self, index: int) -> None:
        world, rows = self._worlds[index], self._rows[index]
        terminals, truncations = self._buffers.terminals[rows], self._buffers.truncations[rows]
        if world.flags_shown:
            terminals[:] = False
            truncations[:] = False
            world.flags_shown = False
        assert world.simulation is not None
        try:
            world.simulation.step()
        except RuntimeError as error:
            if not is_token_overflow(error):
                raise
            world.overflowed = True
            truncations[:] = True
        if self._thresholds:
            end_on_game_stats(world.simulation, self._thresholds, truncations)
        if world.ends_early and world.simulation.current_step >= world.ends_early:
            truncations[:] = True
        if not world.over and (terminals.all() or truncations.all()):
            world.over = True
            self._ended.append(self._summary(index))
            if world.next_seeds is not None:
                self._turn_over(index, world.next_seeds)

    def _turn_over(self, index: int, seeds: tuple[int, int]) -> None:
        rows, buffers = self._rows[index], self._buffers
        shown = (buffers.rewards[rows], buffers.terminals[rows], buffers.truncations[rows])
        last = [buffer.copy() for buffer in shown]
        self.begin_episode(index, *seeds)
        for buffer, values in zip(shown, last, strict=True):
            buffer[:] = values
        self._worlds[index].flags_shown = True

    def _summary(self, index: int) -> EndedEpisode:
        stats = self.episode_stats(index)
        sums: dict[str, float] = {}
        for agent in stats["agent"]:
            for name, value in agent.items():
                sums[name] = sums.get(name, 0.0) + value
        world = self._worlds[index]
        assert world.simulation is not None
        return EndedEpisode(
            world=index,
            env_steps=world.simulation.current_step,
            early_end_set=world.ends_early != 0,
            rewards=self.episode_rewards(index).copy(),
            agent_stat_sums=sums,
            game_stats=stats["game"],
        )

    def take_ended(self, group: int | None = None) -> list[EndedEpisode]:
        ended, self._ended = self._ended, []
        return ended

    def episode_rewards(self, world: int) -> npt.NDArray[np.float32]:
        return self._simulation(world).get_episode_rewards()

    def episode_stats(self, world: int) -> dict[str, Any]:
        stats: dict[str, Any] = dict(self._simulation(world).get_episode_stats())
        if self._worlds[world].overflowed:
            stats["game"][TOKEN_OVERFLOW_STAT] = 1.0
        return stats

    def grid_objects(self, world: int) -> dict[int, dict[str, Any]]:
        return self._simulation(world).grid_objects()

    def close(self) -> None:
        self._stepping = False
        self._worlds = [_BatchedWorld() for _ in self._worlds]

    def _simulation(self, world: int) -> MettaGrid:
        simulation = self._worlds[world].simulation
        assert simulation is not None
        return simulation


@dataclass
class _BatchedWorld:
    simulation: MettaGrid | None = None
    overflowed: bool = False
    failed: bool = False  # stands still until its next episode begins
    over: bool = False  # its episode ended and was reported
    flags_shown: bool = False  # its rows hold the flags of the episode before
    ends_early: int = 0  # env step, 0 for none
    next_seeds: tuple[int, int] | None = None

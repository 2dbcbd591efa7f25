"""The native engine behind the World and the WorldBatch protocol."""

from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer import _engine
from metta_puffer.engine.batch import (
    TOKEN_OVERFLOW_STAT,
    Codec,
    EndedEpisode,
    WorldBuffers,
    first_observation_overflow,
    is_token_overflow,
)
from metta_puffer.engine.compile import NativeGame, compile_game
from metta_puffer.engine.errors import WorldError, WorldFailure
from metta_puffer.engine.map_pool import MapPool
from metta_puffer.engine.maps import Grid, build_grid
from metta_puffer.engine.random_maps import random_map_maker

SEEDS_OF_MADE_MAPS = 2**64  # what the engine's map maker takes; whatever else numpy takes is left to the builder

AGENT_FIELDS = (
    "group_id",
    "group_name",
    "vibe",
    "agent_id",
    "last_action_id",
    "last_animation_id",
    "current_stat_reward",
    "steps_without_motion",
)


class NativeWorld:
    """One world, one episode (see `metta_puffer.engine.world.World`)."""

    def __init__(self, config: MettaGridConfig, grid: Grid | None = None, seed: int = 0) -> None:
        self._game = compile_game(config)
        cells = self._game.compile_map(build_grid(config, seed) if grid is None else grid)
        agents = self._game.num_agents
        self.observations: npt.NDArray[np.uint8] = np.empty((agents, self._game.num_tokens, 3), dtype=np.uint8)
        self.rewards: npt.NDArray[np.float32] = np.zeros(agents, dtype=np.float32)
        self.terminals: npt.NDArray[np.bool_] = np.zeros(agents, dtype=np.bool_)
        self.truncations: npt.NDArray[np.bool_] = np.zeros(agents, dtype=np.bool_)
        self.action_success: npt.NDArray[np.bool_] = np.zeros(agents, dtype=np.bool_)
        self._world = _engine.World(self._game.compiled, cells, seed)
        self._world.attach(self.observations, self.rewards, self.terminals, self.truncations)

    def step(self, actions: npt.NDArray[np.int32], vibe_actions: npt.NDArray[np.int32] | None = None) -> None:
        """Raises RuntimeError when a rule breaks or an agent's tokens exceed the budget; the world then stands still.

        TypeError or ValueError for actions that are not C-contiguous int32 [agents].
        """
        self._world.step(actions, vibe_actions)
        self.action_success[:] = self._world.action_success()

    def episode_stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self._world.episode_stats()
        return stats

    def set_inventory(self, agent: int, amounts: dict[int, int]) -> None:
        self._world.set_inventory(agent, list(amounts.items()))

    def grid_objects(self) -> dict[int, dict[str, Any]]:
        return {record["id"]: published_record(record, self._game) for record in self._world.object_records()}

    def close(self) -> None:
        self._world = None


class NativeBatch:
    """Worlds of one game on `num_threads` threads (see `metta_puffer.engine.batch.WorldBatch`).

    Ended episodes are replaced inside the step, on the thread of their world. Where the engine knows how
    (`random_map_maker`) it makes their maps there too. Others are built ahead in a MapPool; when one is not ready in
    time its world begins after the step, in the same call.
    """

    def __init__(
        self,
        config: MettaGridConfig,
        worlds: int,
        buffers: WorldBuffers,
        num_threads: int = 1,
        *,
        map_pool: int = 0,
        num_groups: int = 1,
    ) -> None:
        self._config = config.model_copy(deep=True)
        self._game = compile_game(self._config)
        map_maker = random_map_maker(self._config, self._game)
        self._seeds_of_made_maps = SEEDS_OF_MADE_MAPS if map_maker else 0
        self._map_pool = map_pool
        self._maps = MapPool(self._build_map, map_pool)
        self._waiting: dict[int, tuple[int, int]] = {}  # world -> seeds of its next episode, not handed over yet
        self._ended: dict[int, EndedEpisode] = {}  # by world, looked at before anybody asked for them
        self._buffers = buffers
        self._batch = _engine.Batch(self._game.compiled, worlds, num_threads, num_groups, map_maker)
        self._batch.attach(
            buffers.observations,
            buffers.rewards,
            buffers.terminals,
            buffers.truncations,
            buffers.actions,
            buffers.vibe_actions,
        )

    def _build_map(self, seed: int) -> Any:
        cells = self._game.compile_map(build_grid(self._config, seed))
        return _engine.CompiledMap(self._game.compiled, cells)

    def _made_map(self, map_seed: int) -> int | None:
        """What the engine takes in place of a map that it makes itself, None for a map of the pool."""
        seed = map_seed % self._map_pool if self._map_pool else map_seed
        return seed if 0 <= seed < self._seeds_of_made_maps else None

    def begin_episode(self, world: int, engine_seed: int, map_seed: int) -> None:
        self._forget_waiting(world)
        self._begin(world, engine_seed, map_seed)

    def _forget_waiting(self, world: int) -> None:
        if world in self._waiting:
            self._maps.forget(self._waiting.pop(world)[1])

    def _begin(self, world: int, engine_seed: int, map_seed: int) -> None:
        made = self._made_map(map_seed)
        try:
            self._batch.begin_episode(world, self._maps.take(map_seed) if made is None else made, engine_seed)
        except RuntimeError as error:
            if not is_token_overflow(error):
                raise
            raise first_observation_overflow(error, self._game.num_tokens) from error

    def set_next_episode(self, world: int, engine_seed: int, map_seed: int) -> None:
        made = self._made_map(map_seed)
        if made is not None:
            self._batch.set_next_episode(world, made, engine_seed)
            self._forget_waiting(world)
            return
        self._maps.request(map_seed)
        self._waiting[world] = (engine_seed, map_seed)

    def end_early(self, world: int, env_step: int) -> None:
        self._batch.end_early(world, env_step)

    def step(self) -> None:
        if self._waiting and self._maps.any_ready():
            self._hand_over_ready_maps()
        failed = self._batch.step()
        if failed or (self._waiting and self._batch.has_ended()):
            self._finish_step(failed)

    def act(self, actions: npt.ArrayLike, codec: Codec) -> bool:
        if self._waiting and self._maps.any_ready():
            self.require_idle()
            self._hand_over_ready_maps()
        # One call checks, decodes and steps: no other thread comes in between, and for most steps that is all.
        failed = self._batch.act(actions, codec.primary, codec.vibes)
        if failed is False:
            readable = codec.as_int32(actions, self._buffers.actions.shape)
            failed = self._batch.act(readable, codec.primary, codec.vibes)
        if failed is None:
            return bool(self._ended)
        self._finish_step(failed)
        return bool(self._ended) or self._batch.has_ended()

    def step_async(self, group: int) -> None:
        """Starts one step of a group's worlds and returns. Their rows belong to the engine until `wait`."""
        if self._waiting and self._maps.any_ready():
            self._hand_over_ready_maps(self._batch.group_worlds(group))
        self._batch.step_async(group)

    def wait(self, group: int) -> None:
        failed = self._batch.wait(group)
        if failed or (self._waiting and self._batch.has_ended()):
            self._finish_step(failed, group)

    def require_idle(self, group: int | None = None) -> None:
        self._batch.require_idle(group)

    # Not called after most steps: of one world's step every call is a few percent.
    def _finish_step(self, failed: list[tuple[Any, ...]], group: int | None = None) -> None:
        """Begins the episodes whose maps came too late for the step, then raises for all worlds that failed."""
        failures = [WorldFailure(*failure) for failure in failed]
        if self._waiting:
            for summary in self._batch.take_ended(group):
                episode = self._ended_episode(summary)
                self._ended[episode.world] = episode
                if episode.world not in self._waiting:
                    continue
                try:
                    self._turn_over_late(episode.world)
                except Exception as error:  # a builder's or the engine's; the other worlds have to go on
                    failures.append(WorldFailure(episode.world, episode.env_steps, None, str(error)))
        if failures:
            raise WorldError(failures)

    def _hand_over_ready_maps(self, worlds: tuple[int, int] | None = None) -> None:
        first, end = worlds or (0, len(self._buffers.rewards))
        for world, (engine_seed, map_seed) in list(self._waiting.items()):
            if first <= world < end and self._maps.is_ready(map_seed):
                try:
                    built = self._maps.take(map_seed)
                except Exception:  # told when the world needs it: `_finish_step` builds it again
                    continue
                self._batch.set_next_episode(world, built, engine_seed)
                del self._waiting[world]

    def take_ended(self, group: int | None = None) -> list[EndedEpisode]:
        summaries = self._batch.take_ended(group)
        if not summaries and not self._ended:
            return []
        ended = [self._ended_episode(summary) for summary in summaries]
        if self._ended:
            first, end = (0, len(self._buffers.rewards)) if group is None else self._batch.group_worlds(group)
            ended += [self._ended.pop(world) for world in list(self._ended) if first <= world < end]
            ended.sort(key=lambda episode: episode.world)
        return ended

    def _turn_over_late(self, world: int) -> None:
        rows = slice(world * self._game.num_agents, (world + 1) * self._game.num_agents)
        shown = (self._buffers.rewards[rows], self._buffers.terminals[rows], self._buffers.truncations[rows])
        last = [buffer.copy() for buffer in shown]
        self._begin(world, *self._waiting.pop(world))
        for buffer, values in zip(shown, last, strict=True):
            buffer[:] = values
        self._batch.show_flags(world)

    @staticmethod
    def _ended_episode(summary: tuple[Any, ...]) -> EndedEpisode:
        *fields, token_overflow = summary
        episode = EndedEpisode(*fields)
        if token_overflow:
            episode.game_stats[TOKEN_OVERFLOW_STAT] = 1.0
        return episode

    def episode_rewards(self, world: int) -> npt.NDArray[np.float32]:
        rewards: npt.NDArray[np.float32] = self._batch.episode_rewards(world)
        return rewards

    def episode_stats(self, world: int) -> dict[str, Any]:
        stats: dict[str, Any] = self._batch.episode_stats(world)
        return stats

    def grid_objects(self, world: int) -> dict[int, dict[str, Any]]:
        records = self._batch.object_records(world)
        return {record["id"]: published_record(record, self._game) for record in records}

    def world_bytes(self, world: int) -> int:
        """Memory of one world, buffers not counted."""
        held: int = self._batch.world_bytes(world)
        return held

    def close(self) -> None:
        self._batch.close()
        self._maps.close()


def published_record(record: dict[str, Any], game: NativeGame) -> dict[str, Any]:
    """An object as the published engine's `grid_objects()` describes it: its fields and its observation features."""
    fields: dict[str, Any] = {
        "id": record["id"],
        "type_name": record["type_name"],
        "location": (record["c"], record["r"]),
        "r": record["r"],
        "c": record["c"],
    }
    fields |= _observed_features(record, game)
    fields["inventory"] = dict(sorted(record["inventory"].items()))
    fields["inventory_capacities"] = record["inventory_capacities"]
    fields["tag_ids"] = record["tag_ids"]
    if "agent_id" in record:
        fields |= {name: record[name] for name in AGENT_FIELDS}
    return fields


def _observed_features(record: dict[str, Any], game: NativeGame) -> dict[str, int]:
    """The value of the last token of every feature of the object. Spawned objects hide what they hold."""
    features = {}
    if record["tag_ids"]:
        features["tag"] = record["tag_ids"][-1]
    if record["vibe"]:
        features["vibe"] = record["vibe"]
    if "agent_id" in record:
        features["agent:group"] = record["group_id"]
        features["agent_id"] = record["agent_id"] & 0xFF
    held = {} if record["spawned"] else record["inventory"]
    for resource, amount in held.items():
        name, rest = f"inv:{game.resource_names[resource]}", amount
        features[name] = rest % game.token_value_base & 0xFF
        power = 0
        while rest := rest // game.token_value_base:
            power += 1
            features[f"{name}:p{power}"] = rest % game.token_value_base & 0xFF
    return features

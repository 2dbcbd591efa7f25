"""The WorldBatch protocol: many worlds of one game over one set of buffers, whichever engine runs them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer.errors import UserError

TOKEN_OVERFLOW_STAT = "token_overflow"


@dataclass(frozen=True)
class WorldBuffers:
    """What worlds write to and read from. All arrays are C-contiguous.

    Row `world * agents + agent` is agent `agent` of world `world`; the first axis of every array has that many rows.
    """

    observations: npt.NDArray[np.uint8]  # [rows, tokens, 3]
    rewards: npt.NDArray[np.float32]  # [rows]
    terminals: npt.NDArray[np.bool_]  # [rows]
    truncations: npt.NDArray[np.bool_]  # [rows]
    actions: npt.NDArray[np.int32]  # [rows], indices of the engine's action table
    vibe_actions: npt.NDArray[np.int32]  # [rows], indices of the engine's action table, 0 for none

    @classmethod
    def zeros(cls, config: MettaGridConfig, worlds: int) -> "WorldBuffers":
        """Memory of its own for `worlds` of a game."""
        rows = worlds * config.game.num_agents
        return cls(
            observations=np.zeros((rows, config.game.obs.num_tokens, 3), dtype=np.uint8),
            rewards=np.zeros(rows, dtype=np.float32),
            terminals=np.zeros(rows, dtype=np.bool_),
            truncations=np.zeros(rows, dtype=np.bool_),
            actions=np.zeros(rows, dtype=np.int32),
            vibe_actions=np.zeros(rows, dtype=np.int32),
        )


@dataclass(frozen=True)
class EndedEpisode:
    """What an episode leaves behind."""

    world: int
    env_steps: int
    early_end_set: bool  # `end_early` was called for it, whether or not it was over before
    rewards: npt.NDArray[np.float32]  # [agents], summed over the episode in float32
    agent_stat_sums: dict[str, float]  # agent statistic -> sum over the agents that have it
    game_stats: dict[str, float]


class Codec(Protocol):
    """From the one number an agent sends to the engine's two action streams (as `metta_puffer.env_actions` does)."""

    primary: int  # numbers below it are primary actions without a vibe
    vibes: int  # primary + action * vibes + vibe is both

    def decode(
        self, actions: npt.ArrayLike, primary: npt.NDArray[np.int32], vibe_actions: npt.NDArray[np.int32]
    ) -> None:
        """Raises ValueError or TypeError, with nothing written, for actions that are not the game's."""
        ...

    def as_int32(self, actions: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
        """A copy that can be decoded as it stands. Raises as `decode`."""
        ...


class WorldBatch(Protocol):
    """Worlds in lock step. No world runs before its first `begin_episode`.

    An episode ends when all agents' terminals or truncations are set. A world in which an agent sees more tokens than
    `obs.num_tokens` is undefined in the published engine (spec 1.7); its episode is truncated there and its game stat
    `token_overflow` is 1, so that one crowded corner does not end a long training run.
    """

    def begin_episode(self, world: int, engine_seed: int, map_seed: int) -> None:
        """Replaces the world by a fresh one: first observation written, rewards and flags of its rows cleared.

        `engine_seed`: uint32 for the engine's random numbers; `map_seed`: non-negative, for the map builder.
        UserError when the first observation does not fit `obs.num_tokens`.
        """
        ...

    def set_next_episode(self, world: int, engine_seed: int, map_seed: int) -> None:
        """The episode that the world begins in the step that ends the running one.

        That step returns the last rewards and flags with the new episode's first observation; the step after it
        clears the flags. Without a next episode an ended world goes on, flags set, until `begin_episode`.
        """
        ...

    def end_early(self, world: int, env_step: int) -> None:
        """Truncates the running episode at that env step."""
        ...

    def step(self) -> None:
        """One step of every world with the actions in its rows.

        Raises WorldError naming the worlds that failed, when all others have taken the step. A world that failed stands
        still until its next `begin_episode`.
        """
        ...

    def act(self, actions: npt.ArrayLike, codec: Codec) -> bool:
        """Decodes `actions` [rows] into the action buffers and steps; whether `take_ended` has anything to tell.

        Raises as `require_idle` and `codec.decode`, with nothing changed, then as `step`.
        """
        ...

    def step_async(self, group: int) -> None:
        """Begins one step of a group's worlds. Their rows belong to the engine until `wait`."""
        ...

    def wait(self, group: int) -> None:
        """Returns when the group has taken the step that was begun. Raises as `step`, and ValueError without one."""
        ...

    def require_idle(self, group: int | None = None) -> None:
        """Raises ValueError while the group, or any, is stepping."""
        ...

    def take_ended(self, group: int | None = None) -> list[EndedEpisode]:
        """Episodes that ended since the last call, of one group or of all, in the order of their worlds."""
        ...

    def episode_rewards(self, world: int) -> npt.NDArray[np.float32]:
        """[agents]: rewards of the running episode summed, in float32."""
        ...

    def episode_stats(self, world: int) -> dict[str, Any]:
        """As `World.episode_stats`."""
        ...

    def grid_objects(self, world: int) -> dict[int, dict[str, Any]]:
        """As `World.grid_objects`."""
        ...

    def close(self) -> None: ...


def is_token_overflow(error: RuntimeError) -> bool:
    """Whether an engine stopped because an agent saw more than `obs.num_tokens` tokens (spec 1.7)."""
    return "token budget exceeded" in str(error)


def first_observation_overflow(error: RuntimeError, num_tokens: int) -> UserError:
    return UserError(
        f"the first observation does not fit: {error}",
        key="game.obs.num_tokens",
        value=num_tokens,
        remedy="raise num_tokens, or place fewer agents and objects",
    )

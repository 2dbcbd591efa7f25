"""Taking worlds up again in mid-episode without saving their insides.

An episode follows from its seeds and the actions taken in it. So a log of the actions since the oldest episode under
way began, and of which episode each world is in, is all that a resumed run needs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

LogState = tuple[npt.NDArray[np.int16], npt.NDArray[np.int64], npt.NDArray[np.int64]]


class GroupLog:
    """What was sent to one environment object of `worlds` worlds, as far back as a replay has to begin."""

    def __init__(self, worlds: int, agents_per_world: int) -> None:
        self._first_agents = slice(0, worlds * agents_per_world, agents_per_world)
        self._actions: list[npt.NDArray[np.int16]] = []
        self._dropped = 0  # env-steps before the first one still kept
        self._episode = np.zeros(worlds, np.int64)  # which episode each world is in
        self._began = np.zeros(worlds, np.int64)  # env-steps of the group when it began
        self._ended = np.zeros(worlds, np.bool_)  # worlds whose episode the last received step ended

    @property
    def env_steps(self) -> int:
        """Env-steps of the group since the reset."""
        return self._dropped + len(self._actions)

    def received(self, done: npt.NDArray[np.bool_]) -> None:
        """`done` [agents]: what the last step ended. Counts from the next `sent` on: until then the ended
        episode is needed to bring back its last rewards and statistics."""
        self._ended = done[self._first_agents].copy()

    def sent(self, actions: npt.NDArray[Any]) -> None:
        """`actions` [agents] of the next step."""
        self._episode[self._ended] += 1
        self._began[self._ended] = self.env_steps
        self._ended[:] = False
        self._actions.append(actions.astype(np.int16))
        if len(self._actions) > 64 and len(self._actions) > 2 * (self.env_steps - self._began.min()):
            self._drop_old()

    def _drop_old(self) -> None:
        old = int(self._began.min()) - self._dropped
        del self._actions[:old]
        self._dropped += old

    def state(self) -> LogState:
        """(actions int16 [env-steps, agents], episode [worlds], env-steps since it began [worlds])."""
        self._drop_old()
        agents = self._first_agents.stop
        actions = np.stack(self._actions) if self._actions else np.zeros((0, agents), np.int16)
        return actions, self._episode.copy(), self.env_steps - self._began

    @classmethod
    def from_state(cls, state: LogState, worlds: int, agents_per_world: int) -> "GroupLog":
        """The log as it was, but for the number of env-steps, which counts from the oldest one kept."""
        log = cls(worlds, agents_per_world)
        actions, log._episode, ages = state[0], state[1].copy(), state[2]
        log._actions = list(actions)
        log._began = log.env_steps - ages
        return log

    def of_worlds(self, first: int, count: int) -> "GroupLog":
        """The log of `count` neighbouring worlds from `first` on, as a worker that runs only those needs it."""
        actions, episodes, ages = self.state()
        per_world = self._first_agents.step
        some = slice(first, first + count)
        columns = slice(first * per_world, (first + count) * per_world)
        return GroupLog.from_state((actions[:, columns], episodes[some], ages[some]), count, per_world)

    def replay_plan(self) -> tuple[list[npt.NDArray[np.int16]], dict[int, list[tuple[int, int]]]]:
        """(actions of each env-step to repeat, worlds and episodes to begin before it)."""
        begin: dict[int, list[tuple[int, int]]] = {}
        for world, (episode, began) in enumerate(zip(self._episode, self._began, strict=True)):
            if episode:
                begin.setdefault(int(began) - self._dropped, []).append((world, int(episode)))
        return self._actions, begin


def restore(env: Any, seed: int, log: GroupLog) -> list[dict[str, Any]]:
    """Resets `env` and plays what the log holds; gives the infos of the last step. Its buffers are as they were.

    `env` needs `begin_episode(world, episode)`.
    """
    env.reset(seed)
    infos = play(log, env.begin_episode, lambda actions: env.step(actions)[-1])
    if log.env_steps:
        log.received(env.terminals | env.truncations)
    return infos


def play(
    log: GroupLog,
    begin_episode: Callable[[int, int], None],
    step: Callable[[npt.NDArray[np.int32]], list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """Repeats what the log holds on worlds that were just reset; gives what the last `step` gave.

    A world whose episode began later than the log runs idle until then.
    """
    infos: list[dict[str, Any]] = []
    actions, begin = log.replay_plan()
    for t, action in enumerate(actions):
        for world, episode in begin.get(t, ()):
            begin_episode(world, episode)
        infos = step(action.astype(np.int32))
    return infos

"""How a case is opened on each engine, and the calls that the fork server makes."""

from typing import Any

import numpy as np
from mettagrid.config.mettagrid_c_config import convert_to_cpp_game_config, rename_map_agents
from mettagrid.mettagrid_c import MettaGrid

from metta_puffer.engine.world import World
from tests.parity.case import Case
from tests.parity.lockstep import Progress, Report, run_lockstep


class PublishedWorld:
    """The wheel's engine with as little as possible around it: the judge."""

    def __init__(self, case: Case) -> None:
        game = case.config.game.model_copy(deep=True)
        converted, renames = convert_to_cpp_game_config(game)
        if case.grid is None:
            grid = game.map_builder.create().build_for_num_agents(game.num_agents).grid.tolist()
        else:
            grid = case.grid
        self._world = MettaGrid(converted, rename_map_agents(grid, renames), case.seed)
        agents = game.num_agents
        self.observations = np.zeros((agents, game.obs.num_tokens, 3), dtype=np.uint8)
        self.terminals, self.truncations = np.zeros(agents, dtype=bool), np.zeros(agents, dtype=bool)
        self.rewards = np.zeros(agents, dtype=np.float32)
        self._actions, self._vibe_actions = np.zeros(agents, dtype=np.int32), np.zeros(agents, dtype=np.int32)
        self._world.set_buffers(
            self.observations, self.terminals, self.truncations, self.rewards, self._actions, self._vibe_actions
        )

    @property
    def action_success(self) -> np.ndarray:
        return np.array(self._world.action_success(), dtype=bool)

    def step(self, actions: np.ndarray, vibe_actions: np.ndarray | None = None) -> None:
        self._actions[:] = actions
        self._vibe_actions[:] = 0 if vibe_actions is None else vibe_actions
        self._world.step()

    def episode_stats(self) -> dict[str, Any]:
        return self._world.get_episode_stats()

    def set_inventory(self, agent: int, amounts: dict[int, int]) -> None:
        self._world.set_inventory(agent, amounts)

    def grid_objects(self) -> dict[int, dict[str, Any]]:
        return self._world.grid_objects()

    def close(self) -> None:
        del self._world


def open_published(case: Case) -> World:
    return PublishedWorld(case)


def open_native(case: Case) -> World:
    from metta_puffer.engine import open_world

    return open_world(case.config, grid=case.grid, seed=case.seed, engine="native")


def compare_case(case: Case, progress: Progress) -> Report:
    """Published against native, in the process that calls."""
    return run_lockstep(case, open_published, open_native, progress)


def compare_published_with_itself(case: Case, progress: Progress) -> Report:
    return run_lockstep(case, open_published, open_published, progress)

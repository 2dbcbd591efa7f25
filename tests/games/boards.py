"""Small boards on which a test drives the arena's agents by hand."""

from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer.engine import World, open_world

NOOP, NORTH, SOUTH, WEST, EAST = range(5)

CELLS = {
    "#": "wall",
    ".": "empty",
    "@": "agent.agent",
    "m": "mine_red",
    "g": "generator_red",
    "a": "altar",
    "A": "armory",
    "L": "lasery",
    "b": "block",
}


class Board:
    """A world on a drawn map, with its inventories under the names of their resources."""

    def __init__(self, config: MettaGridConfig, rows: list[str], engine: Any = "published") -> None:
        self.names = config.game.resource_names
        self.world: World = open_world(config, [[CELLS[cell] for cell in row] for row in rows], 0, engine)

    def step(self, *actions: int) -> list[float]:
        """Rewards of the agents."""
        self.world.step(np.array(actions, dtype=np.int32))
        return [float(reward) for reward in self.world.rewards]

    def give(self, agent: int, **amounts: int) -> None:
        self.world.set_inventory(agent, {self.names.index(name): amount for name, amount in amounts.items()})

    def holds(self, type_name: str, number: int = 0) -> dict[str, int]:
        things = [thing for thing in self.world.grid_objects().values() if thing["type_name"] == type_name]
        return {self.names[resource]: amount for resource, amount in things[number]["inventory"].items()}

    def agent(self, number: int = 0) -> dict[str, int]:
        for thing in self.world.grid_objects().values():
            if thing.get("agent_id") == number:
                return {self.names[resource]: amount for resource, amount in thing["inventory"].items()}
        raise KeyError(number)

    def where(self, number: int = 0) -> tuple[int, int]:
        for thing in self.world.grid_objects().values():
            if thing.get("agent_id") == number:
                return thing["r"], thing["c"]
        raise KeyError(number)

    def tokens(self) -> npt.NDArray[np.int64]:
        """[agents]: tokens that each agent sees."""
        return (self.world.observations[:, :, 1] != 0xFF).sum(axis=1)

"""A case: one config, map, seed and stream of actions, everything a world needs to be run again."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig

from tests.parity.trees import from_tree, to_tree

Grid = list[list[str]]
Actions = npt.NDArray[np.int32]


@dataclass(frozen=True)
class InventoryEdit:
    """`set_inventory` called by the host before env step `step` (0 = before the first)."""

    step: int
    agent: int
    amounts: dict[int, int]


@dataclass(frozen=True)
class Case:
    """`actions` and `vibe_actions` are int32 [env steps, agents], engine indices; no vibe stream when None.

    `grid` None: the map comes from `config.game.map_builder`.
    """

    name: str
    config: MettaGridConfig
    grid: Grid | None
    actions: Actions
    vibe_actions: Actions | None = None
    seed: int = 0
    inventory_edits: tuple[InventoryEdit, ...] = ()
    note: str = field(default="", compare=False)

    @property
    def env_steps(self) -> int:
        return len(self.actions)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "note": self.note,
            "seed": self.seed,
            "grid": self.grid,
            "config": to_tree(self.config),
            "actions": self.actions.tolist(),
            "vibe_actions": None if self.vibe_actions is None else self.vibe_actions.tolist(),
            "inventory_edits": [
                {"step": edit.step, "agent": edit.agent, "amounts": {str(k): v for k, v in edit.amounts.items()}}
                for edit in self.inventory_edits
            ],
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Case":
        agents = data["config"]["game"].get("num_agents", 24)
        vibes = data["vibe_actions"]
        return Case(
            name=data["name"],
            note=data["note"],
            seed=data["seed"],
            grid=data["grid"],
            config=from_tree(data["config"]),
            actions=np.array(data["actions"], dtype=np.int32).reshape(-1, agents),
            vibe_actions=None if vibes is None else np.array(vibes, dtype=np.int32).reshape(-1, agents),
            inventory_edits=tuple(
                InventoryEdit(edit["step"], edit["agent"], {int(k): v for k, v in edit["amounts"].items()})
                for edit in data["inventory_edits"]
            ),
        )

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_json(), indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> "Case":
        return Case.from_json(json.loads(path.read_text()))

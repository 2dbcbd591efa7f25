"""Maps and action streams for a drawn game, and the case of a seed."""

import numpy as np
from mettagrid.config.mettagrid_config import (
    AgentConfig,
    MettaGridConfig,
)

from tests.parity.case import Case, InventoryEdit
from tests.parity.generator.games import GameDraws
from tests.parity.generator.vocabulary import COLOURS


class CaseDraws(GameDraws):
    """Draws what a game is played on and with."""

    def grid(self, config: MettaGridConfig) -> list[list[str]]:
        agents = config.game.agents
        least = int(np.ceil(np.sqrt(len(agents) * self.rng.choice([1.2, 2, 4, 9])))) + 1
        height = least + self.rng.randint(0, 4)
        width = least + self.rng.randint(0, 6)
        border = self.chance(0.6)
        free = [(r, c) for r in range(height) for c in range(width)]
        if border:
            height, width = height + 2, width + 2
            free = [(r + 1, c + 1) for r, c in free]
        grid = [["wall" if border else "." for _ in range(width)] for _ in range(height)]
        for r, c in free:
            grid[r][c] = self.rng.choice([".", ".", ".", "empty", " "])
        self.rng.shuffle(free)
        for cell, spot in zip(self.agent_cells(agents), free, strict=False):
            grid[spot[0]][spot[1]] = cell
        density = self.rng.choice([0.05, 0.15, 0.3, 0.5])
        for r, c in free[len(agents) :]:
            if self.chance(density):
                grid[r][c] = "wall" if self.chance(0.3) else self.rng.choice(list(self.map_names.values()))
        return grid

    def agent_cells(self, agents: list[AgentConfig]) -> list[str]:
        groups = {team: i for i, team in enumerate(dict.fromkeys(agent.team_id for agent in agents))}
        explicit = self.chance(0.1)
        counts: dict[int, int] = {}
        cells = []
        for agent in agents:
            group = groups[agent.team_id]
            name = COLOURS.get(agent.team_id, f"group_{group}")
            member = counts.get(group, 0)
            counts[group] = member + 1
            cells.append(f"agent.{name}.{member}" if explicit else f"agent.{name}")
        if len(groups) == 1 and self.chance(0.4) and not explicit:
            cells = ["agent.agent"] * len(cells)
        return cells

    def streams(self, config: MettaGridConfig, env_steps: int) -> tuple[np.ndarray, np.ndarray | None]:
        game = config.game
        rng = np.random.default_rng(self.seed)
        moves = len(game.actions.move.allowed_directions)
        vibes = len(game.actions.change_vibe.vibes) if game.actions.change_vibe.enabled else 0
        shape = (env_steps, game.num_agents)
        actions = rng.integers(0, 1 + moves, shape)
        # Runs of one action let agents cross the map.
        actions = np.where(rng.random(shape) < 0.5, np.roll(actions, 1, axis=0), actions)
        bad = np.array([-1, -9, 1 + moves + vibes, 999, 2**31 - 1, -(2**31), 1 + moves])
        rate = self.rng.choice([0, 0, 0.01, 0.1])
        actions = np.where(rng.random(shape) < rate, rng.choice(bad, shape), actions)
        if self.chance(0.15):
            return actions.astype(np.int32), None
        chosen = rng.integers(1 + moves, 1 + moves + vibes, shape) if vibes else np.zeros(shape, dtype=np.int64)
        wanted = np.where(rng.random(shape) < 0.15, chosen, 0)
        wanted = np.where(rng.random(shape) < rate, rng.choice(bad, shape), wanted)
        return actions.astype(np.int32), wanted.astype(np.int32)


def generate(seed: int, agent_steps: int = 4000) -> Case:
    """The case of a seed, of about `agent_steps` agent steps."""
    generator = CaseDraws(seed)
    rng = generator.rng
    agents = rng.choice([1, 2, 3, 4, 4, 6, 8, 8, 12, 16, 24])
    env_steps = int(np.clip(agent_steps // agents, 20, 1000))
    config = generator.config(agents, env_steps)
    actions, vibe_actions = generator.streams(config, env_steps)
    edits = []
    if generator.chance(0.15):
        for _ in range(rng.randint(1, 4)):
            amounts = {rng.randrange(len(generator.resources)): rng.choice([0, 1, 4, 50, 70]) for _ in range(3)}
            edits.append(InventoryEdit(rng.randrange(min(env_steps, 60)), rng.randrange(agents), amounts))
    return Case(
        name=f"generated.{seed}",
        config=config,
        grid=generator.grid(config),
        actions=actions,
        vibe_actions=vibe_actions,
        seed=rng.randrange(2**32),
        inventory_edits=tuple(edits),
    )

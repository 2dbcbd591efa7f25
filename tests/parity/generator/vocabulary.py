"""What a drawn game is made of: its names, the places where rules may stand, and small choices among them."""

import random
from dataclasses import dataclass

from mettagrid.config.filter import (
    HandlerTarget,
)
from mettagrid.config.mutation import (
    EntityTarget,
)
from mettagrid.config.vibes import VIBES

ACTOR, TARGET = EntityTarget.ACTOR, EntityTarget.TARGET
CARDINALS = ["north", "south", "west", "east"]
MARKS = ["mark:a", "mark:b", "mark:c", "rare", "zone"]
COLOURS = {0: "red", 1: "blue", 2: "green", 3: "yellow", 4: "purple", 5: "orange"}
COUNTERS = ["hits", "visits", "score"]
# The engine keeps them; rules read them and write over them.
ENGINE_STATS = [
    "action.failed",
    "action.move.failed",
    "action.move.success",
    "action.noop.success",
    "cell.max_distance_from_spawn",
    "cell.unique_visited",
    "cell.visited",
    "status.max_steps_without_motion",
    "tokens_free_space",
    "tokens_written",
]
DERIVED = ["derived.a", "derived.b"]
WINDOWS = [1, 3, 5, 5, 7, 7, 9, 11, 11, 13, 13, 15]


@dataclass(frozen=True)
class Place:
    """Where a handler stands, and what may stand in it there.

    `target_sure`, `actor_sure`: the entity cannot be none. `removed_above`: inside the removal handler of the tag of
    this rank, only tags of a higher rank may be removed. `aborts`: a failed mutation ends the handler.
    """

    actor_sure: bool = True
    target_sure: bool = True
    event: bool = False
    uses: bool = False
    removes_objects: bool = False
    aims: bool = True
    proxy_actor: bool = False
    removed_above: int = -1
    recomputes: bool = True
    aborts: bool = True


class Vocabulary:
    """The names of one game, which filters, mutations and queries draw from, and its random numbers."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        rng = self.rng
        self.value_base = rng.choice([256] * 7 + [2, 10, 16, 100, 255])
        most = {2: 4, 10: 16, 16: 18}.get(self.value_base, 30)
        count = rng.choice([1, 2, 3, 4, 4, 5, 6, 8, 14, 18, 30])
        self.resources = [f"res{i}" for i in range(min(count, most))]
        if rng.random() < 0.2:
            self.resources[0] = "hp"
        self.vibes = [vibe.name for vibe in VIBES[: rng.choice([1, 2, 3, 4, 6])]]
        self.team_ids = rng.sample([0, 1, 2, 3, 5, 7], rng.choice([1, 1, 2, 2, 3]))
        self.team_tags = {team: f"team:{COLOURS.get(team, team)}" for team in self.team_ids}
        self.types = [f"thing{i}" for i in range(rng.randint(1, 6))]
        self.map_names = {name: (f"cell:{name}" if rng.random() < 0.2 else name) for name in self.types}
        self.materialized = [f"net:{i}" for i in range(rng.choice([0, 0, 0, 1, 2]))]
        self.tags = sorted(
            [*MARKS, *self.team_tags.values(), *self.materialized, "type:wall", "type:agent"]
            + [f"type:{name}" for name in self.types]
        )
        self.limit_names: list[str] = []
        self.modifiers: set[str] = set()
        self.presence_pool: list[str] = []
        self.negative_presence_free = True

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def resource(self) -> str:
        # Mostly the first few, so that rules meet on the same resources.
        return self.resources[min(int(self.rng.expovariate(0.5)), len(self.resources) - 1)]

    def some(self, most: int) -> list[str]:
        return list(dict.fromkeys(self.resource() for _ in range(self.rng.randint(1, most))))

    def tag(self) -> str:
        return self.rng.choice(self.tags)

    def prefix(self) -> str:
        return self.rng.choice(
            ["mark:", "mark", "team:", "t", "r", "type:", "ma", "net" if self.materialized else "zo"]
        )

    def entity(self) -> EntityTarget:
        return self.rng.choice([ACTOR, TARGET])

    def handler_entity(self) -> HandlerTarget:
        return self.rng.choice([HandlerTarget.ACTOR, HandlerTarget.TARGET])

    def sure_entity(self, place: Place, *, writes: bool = True) -> EntityTarget | None:
        """An entity that is there, and (when it is written to) is no territory proxy."""
        choices = []
        if place.actor_sure and not (writes and place.proxy_actor):
            choices.append(ACTOR)
        if place.target_sure:
            choices += [TARGET, TARGET]
        return self.rng.choice(choices) if choices else None

    def delta(self) -> int:
        kind = self.rng.random()
        if kind < 0.9:
            return self.rng.choice([-3, -2, -1, -1, 1, 1, 1, 2, 3, 5])
        return self.rng.choice([-300, 120, 300, 5000, 40000, 70000, -70000, 0])

    def deltas(self, most: int = 3) -> dict[str, int]:
        return {name: self.delta() for name in self.some(most)}

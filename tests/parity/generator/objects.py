"""What stands on a map: objects, walls and agents, their inventories and areas."""

from typing import Any

from mettagrid.config.handler_config import AOEConfig
from mettagrid.config.mettagrid_config import (
    AgentConfig,
    GridObjectConfig,
    InventoryConfig,
    ResourceLimitsConfig,
    WallConfig,
)
from mettagrid.config.reward_config import AgentReward
from mettagrid.config.territory_config import TerritoryControlConfig

from tests.parity.generator.handlers import HandlerDraws
from tests.parity.generator.vocabulary import COUNTERS, MARKS, Place


class ObjectDraws(HandlerDraws):
    """Draws object and agent configs."""

    def inventory(self, *, agent: bool) -> InventoryConfig:
        initial = {name: self.rng.choice([0, 1, 1, 2, 3, 9, 300]) for name in self.some(6) if self.chance(0.8)}
        fields: dict[str, Any] = {"initial": initial}
        if self.chance(0.3):
            fields["default_limit"] = self.rng.choice([0, 1, 5, 20, 300, 65535])
        if agent or self.chance(0.4):
            fields["limits"] = self.inventory_limits(agent=agent)
        return InventoryConfig(**fields)

    def inventory_limits(self, *, agent: bool) -> dict[str, ResourceLimitsConfig]:
        limits = {}
        for name in self.limit_names if agent else self.rng.sample(["bag", "belt"], self.rng.randint(0, 2)):
            if agent and self.chance(0.2):
                continue
            members = [m for m in self.some(4) if m not in self.modifiers]
            if not members:
                continue
            fields: dict[str, Any] = {"resources": members, "base": self.rng.choice([0, 1, 3, 10, 100, 400])}
            if self.chance(0.3):
                fields["max"] = self.rng.choice([2, 12, 150, 65535])
            if self.modifiers and self.chance(0.5):
                fields["modifiers"] = {m: self.rng.choice([1, 2, 10]) for m in sorted(self.modifiers)}
            limits[name] = ResourceLimitsConfig(**fields)
            if "modifiers" in fields and self.chance(0.7):
                break  # usually one limit only depends on a modifier
        return limits

    def aoe(self) -> AOEConfig:
        fields: dict[str, Any] = {"is_static": self.chance(0.6), "effect_self": self.chance(0.3)}
        if self.chance(0.9):
            fields["radius"] = self.rng.choice([0, 1, 1, 2, 2, 3, 4])
        if self.presence_pool and self.chance(0.5):
            amount = self.rng.choice([1, 2, 5])
            if self.negative_presence_free and self.chance(0.3):
                amount, self.negative_presence_free = -amount, False
            fields["presence_deltas"] = {self.presence_pool.pop(): amount}
        place = Place(uses=True, aborts=False, aims=self.chance(0.2))
        return AOEConfig(filters=self.filters("handler", 2, 0.4), mutations=self.mutations(place), **fields)

    def body(self, territories: list[str]) -> dict[str, Any]:
        """Fields that all grid objects share."""
        fields: dict[str, Any] = {}
        if self.chance(0.3):
            fields["vibe"] = self.rng.choice([0, 1, 2, len(self.vibes) - 1, 200])
        if self.chance(0.35):
            fields["aoes"] = {f"aoe{i}": self.aoe() for i in range(self.rng.choice([1, 1, 2]))}
        if territories and self.chance(0.6):
            fields["territory_controls"] = [
                TerritoryControlConfig(territory=name, strength=self.rng.randint(1, 8), decay=self.rng.randint(1, 3))
                for name in territories
                if self.chance(0.8)
            ]
        if self.chance(0.3):
            fields["on_tag_remove"] = self.tag_handlers()
        return fields

    def object(self, name: str, territories: list[str]) -> GridObjectConfig:
        fields = self.body(territories)
        tags = [tag for tag in [*MARKS, *self.team_tags.values(), *self.materialized] if self.chance(0.25)]
        place = Place(removes_objects=True)
        return GridObjectConfig(
            name=name,
            map_name=self.map_names[name],
            tags=tags,
            inventory=self.inventory(agent=False),
            blocks_vision=self.chance(0.2),
            on_use_handler=self.maybe(0.75, place),
            **fields,
        )

    def wall(self, territories: list[str]) -> WallConfig:
        if self.chance(0.6):
            return WallConfig(blocks_vision=self.chance(0.4))
        tags = [tag for tag in MARKS if self.chance(0.2)]
        use = self.maybe(0.4, Place(removes_objects=True))
        return WallConfig(tags=tags, blocks_vision=self.chance(0.4), on_use_handler=use, **self.body(territories))

    def reward(self) -> AgentReward:
        return AgentReward(reward=self.value(2), per_tick=self.chance(0.5))

    def agent(self, team: int, base: dict[str, Any]) -> AgentConfig:
        fields = dict(base)
        if self.chance(0.5):
            fields["rewards"] = {f"reward{i}": self.reward() for i in range(self.rng.randint(1, 4))}
        if self.chance(0.15):
            fields["initial_stats"] = {self.rng.choice([*COUNTERS, "cell.visited", "own"]): self.number()}
        if self.chance(0.8):
            fields["inventory"] = self.inventory(agent=True)
        return AgentConfig(
            team_id=team, tags=[self.team_tags[team], *base["tags"]], **{k: v for k, v in fields.items() if k != "tags"}
        )

    def agents(self, count: int, territories: list[str]) -> list[AgentConfig]:
        teams = [self.team_ids[i % len(self.team_ids)] for i in range(count)]
        bases = {}
        for team in dict.fromkeys(teams):
            base = self.body(territories)
            base["tags"] = [tag for tag in MARKS if self.chance(0.2)]
            base["on_tick"] = self.maybe(0.5, Place(uses=True, removes_objects=self.chance(0.1)))
            base["on_use_handler"] = self.maybe(0.4, Place())
            base["on_after_use_handler"] = self.maybe(0.25, Place(aims=False))
            bases[team] = base
        # Mostly one config a team, sometimes one an agent.
        shared = {team: self.agent(team, base) for team, base in bases.items()}
        return [self.agent(team, bases[team]) if self.chance(0.25) else shared[team] for team in teams]

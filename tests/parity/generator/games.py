"""Whole games: actions, events, territories, observations."""

from typing import Any

import numpy as np
from mettagrid.config.action_config import (
    ActionsConfig,
    AttackActionConfig,
    ChangeVibeActionConfig,
    Directions,
    MoveActionConfig,
    NoopActionConfig,
)
from mettagrid.config.event_config import EventConfig
from mettagrid.config.filter import (
    MaxDistanceFilter,
    TargetLocEmptyFilter,
)
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import (
    GameConfig,
    GlobalObsConfig,
    MettaGridConfig,
    ObsConfig,
    ResourceLimitsConfig,
)
from mettagrid.config.query import MaterializedQuery
from mettagrid.config.territory_config import TerritoryConfig
from mettagrid.config.vibes import VIBES

from tests.parity.generator.objects import ObjectDraws
from tests.parity.generator.vocabulary import MARKS, WINDOWS, Place


class GameDraws(ObjectDraws):
    """Composes one config."""

    def actions(self) -> ActionsConfig:
        fields: dict[str, Any] = {}
        move: dict[str, Any] = {}
        if self.chance(0.4):
            move["allowed_directions"] = self.rng.sample(Directions, self.rng.randint(1, 8))
            if self.chance(0.1):
                move["allowed_directions"].append(move["allowed_directions"][0])
        if self.chance(0.45):
            move["handlers"] = [self.move_handler(i) for i in range(self.rng.randint(1, 4))]
        if self.chance(0.1):
            move["consumed_resources"] = {self.resource(): 1}
        move["enabled"] = not self.chance(0.05)
        vibes = ChangeVibeActionConfig(vibes=list(VIBES[: len(self.vibes)]), enabled=not self.chance(0.1))
        fields["noop"] = NoopActionConfig(enabled=not self.chance(0.05))
        if self.chance(0.1):
            fields["attack"] = AttackActionConfig(
                enabled=True, defense_resources={self.resource(): 1}, vibes=self.vibes[:1]
            )
        return ActionsConfig(move=MoveActionConfig(**move), change_vibe=vibes, **fields)

    def move_handler(self, index: int) -> Handler:
        filters: list[Any] = self.filters("handler", 2, 0.6)
        if self.chance(0.3):
            filters.append(MaxDistanceFilter(radius=self.rng.choice([0, 1, 2, 3, 5])))
        if self.chance(0.35):
            filters.insert(self.rng.randint(0, len(filters)), TargetLocEmptyFilter())
        sure = not any(isinstance(item, TargetLocEmptyFilter) for item in filters)
        place = Place(target_sure=sure, uses=True, removes_objects=True)
        name = self.rng.choice(["", "", f"handler{index}", "same"])
        return Handler(name=name, filters=filters, mutations=self.mutations(place, 4))

    def events(self, env_steps: int) -> dict[str, EventConfig]:
        count = self.rng.choice([0, 0, 1, 2, 4])
        names = [f"{self.rng.choice('azMé')}{i}" for i in range(count)]
        events = {}
        for index, name in enumerate(names):
            start, period = self.rng.randint(-1, 6), self.rng.randint(1, 20)
            fields: dict[str, Any] = {}
            if self.chance(0.5):
                fields["max_targets"] = self.rng.randint(1, 4)
            if self.chance(0.3):
                fields["priority"] = self.rng.randint(-3, 3)
            if self.chance(0.4):
                # Only later events, so that fallbacks end.
                fields["fallback"] = self.rng.choice([*names[index + 1 :], "unknown event"])
            place = Place(event=True, aborts=False, removes_objects=True)
            events[name] = EventConfig(
                name=name if self.chance(0.5) else "",
                target_query=self.source(1),
                timesteps=list(range(start, min(env_steps, start + 40 * period), period)) if self.chance(0.9) else [],
                filters=self.filters("query", 2, 0.4),
                mutations=self.mutations(place, 3),
                **fields,
            )
        return events

    def territories(self) -> dict[str, TerritoryConfig]:
        place = Place(proxy_actor=True, aims=False)
        found = {}
        for name in self.rng.choice([[], [], [], ["land"], ["land", "sky"]]):
            handlers = {
                moment: {f"h{i}": self.handler(place) for i in range(self.rng.choice([0, 1, 2]))}
                for moment in ("on_enter", "on_exit", "presence")
            }
            found[name] = TerritoryConfig(tag_prefix="team:" if name == "land" else "mark:", **handlers)
        return found

    def observations(self) -> ObsConfig:
        values = {f"value{i}": self.value(2) for i in range(self.rng.choice([0, 0, 0, 1, 2]))}
        flags = {name: self.chance(0.8) for name in ("episode_completion_pct", "last_action", "last_reward")}
        flags |= {name: self.chance(0.4) for name in ("last_action_move", "goal_obs", "local_position")}
        width = self.rng.choice(WINDOWS)
        height = width if self.chance(0.6) else self.rng.choice(WINDOWS)
        fields: dict[str, Any] = {}
        if self.chance(0.3):
            fields["territory"] = True
        elif self.chance(0.2):
            fields["observation_radius_value"] = self.bounded(0)
        if self.chance(0.1):
            fields["aoe_mask"] = True
        # A budget that is sometimes too small: the overflow and its text are compared too.
        tokens = self.rng.choice([40, 150]) if self.chance(0.05) else self.rng.choice([900, 1200])
        return ObsConfig(
            width=width,
            height=height,
            num_tokens=tokens,
            token_value_base=self.value_base,
            global_obs=GlobalObsConfig(obs=values, **flags),
            **fields,
        )

    def config(self, agents: int, env_steps: int) -> MettaGridConfig:
        self.limit_names = self.rng.sample(["bag", "belt", "gear"], self.rng.randint(0, 3))
        if len(self.resources) > 2 and self.chance(0.5):
            self.modifiers = set(self.rng.sample(self.resources[1:], 1))
        self.presence_pool = [name for name in self.resources if name not in self.modifiers]
        self.rng.shuffle(self.presence_pool)
        territories = self.territories()
        names = list(territories)
        objects: dict[str, Any] = {"wall": self.wall(names)}
        objects |= {f"key_{name}": self.object(name, names) for name in self.types}
        members = self.agents(agents, names)
        for name in self.limit_names:  # a mutation may clear only a limit that some agent has
            if not any(name in agent.inventory.limits for agent in members):
                members[0].inventory.limits[name] = ResourceLimitsConfig(resources=[self.resource()], base=5)
        self._give_presence_one_sign([*objects.values(), *members])
        obs = self.observations()
        digits = int(np.ceil(np.log(65536) / np.log(self.value_base)))
        room = 256 - 12 - 7 - digits * (len(self.resources) + len(obs.global_obs.obs))
        materialize = [MaterializedQuery(tag=name, query=self.query(1)) for name in self.materialized]
        return MettaGridConfig(
            game=GameConfig(
                resource_names=self.resources,
                num_agents=agents,
                max_steps=self.rng.choice([0, env_steps, env_steps // 2 + 1, 10 * env_steps]),
                episode_truncates=self.chance(0.4),
                obs=obs,
                agents=members,
                actions=self.actions(),
                objects=objects,
                territories=territories,
                events=self.events(env_steps),
                protocol_details_obs=room >= 2 * len(self.resources) and self.chance(0.7),
                tags=[*MARKS, *self.team_tags.values()],
                materialize_queries=materialize,
                on_tick=self.maybe(0.3, Place(actor_sure=False, target_sure=False, aims=False)),
            )
        )

    @staticmethod
    def _give_presence_one_sign(bodies: list[Any]) -> None:
        """One exit that gives and one that takes could compete for a shared limit, in an order that is undefined."""
        areas = [area for body in bodies for area in body.aoes.values()]
        if len({delta > 0 for area in areas for delta in area.presence_deltas.values()}) == 2:
            for area in areas:
                area.presence_deltas = {name: abs(delta) for name, delta in area.presence_deltas.items()}

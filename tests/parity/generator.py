"""Random cases: valid configs over the whole config language, maps, seeds and action streams.

`generate(seed)` always returns the same case. What the published engine leaves undefined is never generated:

* resource mutations on an entity that may be none, objects removed while areas of effect are being walked;
* two areas that leave an agent in one step with effects that depend on their order (a hash of addresses there);
* recursion without end (uses inside uses, removal handlers that remove their own tag, cyclic fallbacks);
* numbers beyond the range of the integer they are truncated to, NaN, shared limits used beyond 65535;
* windows of even size, an observation radius together with territory tokens.
"""

import random
from dataclasses import dataclass, replace
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
    GameValueFilter,
    HandlerTarget,
    MaxDistanceFilter,
    NotFilter,
    OrFilter,
    PeriodicFilter,
    ResourceFilter,
    SharedTagPrefixFilter,
    TagFilter,
    TagPrefixFilter,
    TargetIsUsableFilter,
    TargetLocEmptyFilter,
    VibeFilter,
)
from mettagrid.config.game_value import (
    ConstValue,
    InventoryValue,
    MaxGameValue,
    MinGameValue,
    QueryCountValue,
    QueryInventoryValue,
    RatioGameValue,
    StatValue,
    SumGameValue,
)
from mettagrid.config.handler_config import AllOf, AOEConfig, FirstMatch, Handler
from mettagrid.config.mettagrid_config import (
    AgentConfig,
    GameConfig,
    GlobalObsConfig,
    GridObjectConfig,
    InventoryConfig,
    MettaGridConfig,
    ObsConfig,
    ResourceLimitsConfig,
    WallConfig,
)
from mettagrid.config.mutation import (
    AddTagMutation,
    AttackMutation,
    ChangeVibeMutation,
    ClearInventoryMutation,
    EntityTarget,
    PushObjectMutation,
    QueryInventoryMutation,
    QueryPlaceAdjacentMutation,
    RaycastSpawnMutation,
    RecomputeMaterializedQueryMutation,
    RelocateMutation,
    RemoveTagMutation,
    RemoveTagsWithPrefixMutation,
    ResourceDeltaMutation,
    ResourceTransferMutation,
    SetGameValueMutation,
    SetRelativeTargetMutation,
    SpawnObjectMutation,
    StatsMutation,
    SwapMutation,
    UseTargetMutation,
)
from mettagrid.config.query import ClosureQuery, MaterializedQuery, Query
from mettagrid.config.raycast_query import RaycastQuery
from mettagrid.config.reward_config import AgentReward
from mettagrid.config.territory_config import TerritoryConfig, TerritoryControlConfig
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case, InventoryEdit

ACTOR, TARGET = EntityTarget.ACTOR, EntityTarget.TARGET
CARDINALS = ["north", "south", "west", "east"]
MARKS = ["mark:a", "mark:b", "mark:c", "rare", "zone"]
COLOURS = {0: "red", 1: "blue", 2: "green", 3: "yellow", 4: "purple", 5: "orange"}
COUNTERS = ["hits", "visits", "score"]
ENGINE_STATS = ["action.move.success", "action.failed", "cell.visited", "status.max_steps_without_motion"]
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


class Generator:
    """Composes one config. Members hold the vocabulary that filters, mutations and queries draw from."""

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

    # --- small choices -------------------------------------------------------------------------------------------

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

    # --- game values ---------------------------------------------------------------------------------------------

    def number(self) -> float:
        return self.rng.choice([0, 1, 1, 2, 3, 4, 0.5, 0.1, 1 / 3, 2.75, -1, -0.5, 7])

    def bounded(self, depth: int = 1) -> Any:  # noqa: PLR0911
        """A value that fits an int32 whatever happens in the episode."""
        kinds = ["inventory", "inventory", "const", "const", "counter"]
        kinds += ["count", "sum", "min", "max", "ratio"] if depth > 0 else []
        match self.rng.choice(kinds):
            case "inventory":
                return InventoryValue(item=self.resource(), scope=self.rng.choice(["agent", "agent", "agent", "game"]))
            case "const":
                return ConstValue(value=self.number())
            case "counter":
                return StatValue(name=self.rng.choice(COUNTERS), scope=self.rng.choice(["agent", "game"]))
            case "count":
                return QueryCountValue(query=self.query(depth - 1))
            case "sum":
                return SumGameValue(values=[self.bounded(depth - 1) for _ in range(self.rng.randint(1, 3))])
            case "min":
                return MinGameValue(values=[self.bounded(depth - 1), ConstValue(value=self.number())])
            case "max":
                return MaxGameValue(values=[self.bounded(depth - 1) for _ in range(self.rng.randint(1, 3))])
        return RatioGameValue(numerator=self.bounded(depth - 1), denominator=self.bounded(depth - 1))

    def holdings(self, depth: int) -> Any:
        """A value that is never negative, as a logarithm needs it."""
        if depth > 0 and self.chance(0.3):
            return QueryInventoryValue(query=self.query(depth - 1), item=self.resource())
        return self.rng.choice([InventoryValue(item=self.resource()), ConstValue(value=abs(self.number()))])

    def value(self, depth: int = 2) -> Any:
        kind = self.rng.random()
        if depth <= 0 or kind < 0.35:
            return self.bounded(0)
        if kind < 0.5:
            names = [*ENGINE_STATS, *DERIVED, f"{self.resource()}.gained", f"{self.resource()}.amount"]
            scope = self.rng.choice(["agent", "agent", "game"])
            name = "tokens_written" if scope == "game" and self.chance(0.3) else self.rng.choice(names)
            return StatValue(name=name, scope=scope, delta=self.chance(0.2))
        if kind < 0.6:
            return QueryInventoryValue(query=self.query(depth - 1), item=self.resource())
        if kind < 0.8:
            log = self.chance(0.3)
            values = [self.holdings(depth - 1) if log else self.value(depth - 1) for _ in range(self.rng.randint(1, 3))]
            weights = [self.rng.choice([0.1, 1 / 3, -0.7, 1, 2.5]) for _ in values] if self.chance(0.6) else None
            return SumGameValue(values=values, weights=weights, log=log)
        if kind < 0.87:
            return RatioGameValue(numerator=self.value(depth - 1), denominator=self.value(depth - 1))
        combine = MaxGameValue if self.chance(0.5) else MinGameValue
        return combine(values=[self.value(depth - 1) for _ in range(self.rng.randint(1, 3))])

    # --- queries -------------------------------------------------------------------------------------------------

    def limits(self, depth: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.chance(0.35):
            fields["max_items"] = self.rng.choice([0, 1, 1, 2, 3, 5, -1]) if self.chance(0.7) else self.bounded(depth)
        if self.chance(0.2):
            fields["order_by"] = "random"
        return fields

    def query(self, depth: int = 1) -> Any:
        kind = self.rng.random()
        if depth <= 0 or kind < 0.6:
            if self.materialized and self.chance(0.2):
                name = self.rng.choice(self.materialized)
                return MaterializedQuery(tag=name, query=Query(source=name), max_items=1 if self.chance(0.2) else None)
            return Query(source=self.tag(), filters=self.filters("query", depth - 1, 0.35), **self.limits(0))
        if kind < 0.72:
            inner = self.query(depth - 1)
            return Query(source=inner, filters=self.filters("query", depth - 1, 0.5), **self.limits(depth - 1))
        if kind < 0.87:
            edges = [MaxDistanceFilter(radius=self.rng.randint(0, 4))] if self.chance(0.7) else []
            return ClosureQuery(
                source=self.source(depth - 1),
                candidates=self.source(depth - 1),
                edge_filters=[*edges, *self.filters("query", depth - 1, 0.3)],
                filters=self.filters("query", depth - 1, 0.3),
                **self.limits(depth - 1),
            )
        fields: dict[str, Any] = {}
        if self.chance(0.6):
            fields["max_range"] = self.rng.randint(0, 6) if self.chance(0.7) else self.bounded(0)
        if self.chance(0.5):
            fields["directions"] = self.rng.sample(CARDINALS, self.rng.randint(0, 4))
        if self.chance(0.5):
            fields["include_blocker"] = self.chance(0.5)
        return RaycastQuery(source=self.source(depth - 1), blocker=self.blockers(), **fields, **self.limits(0))

    def source(self, depth: int) -> Any:
        return self.tag() if self.chance(0.5) else self.query(depth)

    # --- filters -------------------------------------------------------------------------------------------------

    def blockers(self) -> list[Any]:
        return [self.simple_filter(known=True) for _ in range(self.rng.choice([0, 0, 1, 2]))]

    def simple_filter(self, *, known: bool = False) -> Any:
        """Vibe, resource, tag or prefix. Unknown names vanish on conversion (and are refused in blockers)."""
        entity = self.handler_entity()
        unknown = not known and self.chance(0.04)
        match self.rng.choice(["vibe", "resource", "resource", "tag", "prefix"]):
            case "vibe":
                return VibeFilter(target=entity, vibe="unknown vibe" if unknown else self.rng.choice(self.vibes))
            case "resource":
                amounts = {name: self.rng.choice([0, 1, 1, 2, 3, 10]) for name in self.some(2)}
                return ResourceFilter(target=entity, resources={"unknown": 1} if unknown else amounts)
            case "tag":
                return TagFilter(target=entity, tag="unknown tag" if unknown else self.tag())
        return TagPrefixFilter(target=entity, tag_prefix=self.prefix())

    def filter(self, holder: str, depth: int) -> Any:  # noqa: PLR0911
        kind = self.rng.random()
        if holder == "handler" and kind < 0.06:
            return TargetLocEmptyFilter() if self.chance(0.3) else TargetIsUsableFilter()
        if kind < 0.16:
            period = self.rng.randint(1, 6)
            return PeriodicFilter(period=period, start_on=self.rng.choice([None, None, 0, 1, 3, 9]))
        if kind < 0.24:
            return SharedTagPrefixFilter(tag_prefix=self.prefix())
        if depth > 0:
            if kind < 0.38:
                return NotFilter(inner=self.filter("inner", depth - 1))
            if kind < 0.48:
                count = self.rng.choice([0, 1, 2, 2, 3])
                return OrFilter(inner=[self.filter("inner", depth - 1) for _ in range(count)])
            if kind < 0.6:
                threshold = self.rng.randint(-1, 5) if self.chance(0.6) else self.value(depth - 1)
                return GameValueFilter(target=self.handler_entity(), value=self.value(depth - 1), min=threshold)
        if kind < 0.72:
            query = self.query(depth - 1) if depth > 0 and self.chance(0.6) else None
            return MaxDistanceFilter(target=self.handler_entity(), query=query, radius=self.rng.randint(0, 4))
        return self.simple_filter()

    def filters(self, holder: str, depth: int, rate: float) -> list[Any]:
        found = []
        while self.chance(rate) and len(found) < 3:
            found.append(self.filter(holder, depth))
        return found

    # --- mutations -----------------------------------------------------------------------------------------------

    def mutations(self, place: Place, most: int = 3) -> list[Any]:
        found: list[Any] = []
        for _ in range(self.rng.choice([0, 1, 1, 2, 2, most])):
            mutation = self.mutation(place)
            found.append(mutation)
            if isinstance(mutation, SetRelativeTargetMutation):
                place = replace(place, target_sure=False)
            elif isinstance(mutation, SpawnObjectMutation) and place.aborts:
                place = replace(place, target_sure=True)
        return found

    def mutation(self, place: Place) -> Any:
        makers = [self._delta] * 6 + [self._transfer] * 3 + [self._clear, self._tag, self._tag, self._untag]
        makers += [self._stat, self._stat, self._vibe, self._game_value, self._query_inventory, self._query_inventory]
        makers += [self._place_adjacent, self._spawn, self._rays, self._relocate, self._recompute, self._attack]
        if place.aims:
            makers += [self._aim]
        if not place.event:
            makers += [self._swap, self._push]
            makers += [self._use] * 2 if place.uses else []
        return self.rng.choice(makers)(place) or self._stat(place)

    def _delta(self, place: Place) -> Any:
        entity = self.sure_entity(place)
        return entity and ResourceDeltaMutation(target=entity, deltas=self.deltas())

    def _transfer(self, place: Place) -> Any:
        source, destination = self.sure_entity(place), self.sure_entity(place)
        amounts = {name: self.rng.choice([1, 1, 2, 5, -1, -3, 0, 400]) for name in self.some(2)}
        return source and ResourceTransferMutation(
            from_target=source,
            to_target=destination,
            resources=amounts,
            remove_source_when_empty=place.removes_objects and self.chance(0.3),
        )

    def _clear(self, place: Place) -> Any:
        entity = self.sure_entity(place)
        if entity is None or not self.limit_names:
            return None
        return ClearInventoryMutation(target=entity, limit_name=self.rng.choice(self.limit_names))

    def _written(self, place: Place) -> EntityTarget:
        return TARGET if place.proxy_actor else self.entity()

    def _tag(self, place: Place) -> Any:
        return AddTagMutation(target=self._written(place), tag=self.rng.choice([*MARKS, *self.team_tags.values()]))

    def _untag(self, place: Place) -> Any:
        if place.removed_above < 0 and self.chance(0.4):
            entity = self.sure_entity(place)
            return entity and RemoveTagsWithPrefixMutation(target=entity, prefix=self.prefix())
        allowed = self.tags[place.removed_above + 1 :]
        return RemoveTagMutation(target=self._written(place), tag=self.rng.choice(allowed)) if allowed else None

    def _stat(self, place: Place) -> Any:
        where, who = self.rng.choice(["game", "agent"]), self.rng.choice(["actor", "target"])
        if self.chance(0.5):
            name = self.rng.choice(COUNTERS)
            own = StatValue(name=name, scope="game" if where == "game" else "agent")
            source: Any = SumGameValue(values=[own, ConstValue(value=self.rng.choice([1, 1, 2, 0.5, -1]))])
            return StatsMutation(stat=name, target=where, entity=who, source=source)
        return StatsMutation(stat=self.rng.choice(DERIVED), target=where, entity=who, source=self.bounded(1))

    def _vibe(self, place: Place) -> Any:
        name = self.rng.choice([*self.vibes, "unknown vibe"])
        return ChangeVibeMutation(target=self._written(place), vibe_name=name)

    def _game_value(self, place: Place) -> Any:
        if self.chance(0.5):
            value: Any = InventoryValue(item=self.resource(), scope=self.rng.choice(["agent", "game"]))
            if self.chance(0.5):
                source = self.rng.choice(
                    [InventoryValue(item=self.resource()), StatValue(name=self.rng.choice(COUNTERS))]
                )
                return SetGameValueMutation(value=value, source=source, target=self._written(place))
        else:
            value = StatValue(name=self.rng.choice(COUNTERS), scope=self.rng.choice(["agent", "game"]))
        return SetGameValueMutation(value=value, delta=self.number(), target=self._written(place))

    def _query_inventory(self, place: Place) -> Any:
        source = self.sure_entity(place) if self.chance(0.5) else None
        deltas = {name: self.rng.choice([-3, -1, 1, 1, 2, 6]) for name in self.some(2)}
        named = {name: f"moved.{name}" for name in deltas} if self.chance(0.4) else {}
        return QueryInventoryMutation(query=self.query(1), deltas=deltas, source=source, transfer_stats=named)

    def _place_adjacent(self, place: Place) -> Any:
        return QueryPlaceAdjacentMutation(query=self.query(1), target=self._written(place))

    def _spawned(self) -> str:
        if self.chance(0.05):
            return self.rng.choice(["nobody", f"agent.team_{self.rng.randrange(len(self.team_ids))}"])
        return self.rng.choice(list(self.map_names.values()))

    def _spawn(self, place: Place) -> Any:
        return SpawnObjectMutation(object_type=self._spawned())

    def _rays(self, place: Place) -> Any:
        fields: dict[str, Any] = {}
        if self.chance(0.7):
            fields["max_range"] = self.rng.randint(0, 3) if self.chance(0.7) else self.bounded(0)
        if self.chance(0.5):
            fields["directions"] = self.rng.sample(CARDINALS, self.rng.randint(0, 3))
        return RaycastSpawnMutation(object_type=self._spawned(), blocker=self.blockers(), **fields)

    def _relocate(self, place: Place) -> Any:
        return RelocateMutation()

    def _swap(self, place: Place) -> Any:
        return SwapMutation()

    def _push(self, place: Place) -> Any:
        return PushObjectMutation()

    def _use(self, place: Place) -> Any:
        return UseTargetMutation()

    def _aim(self, place: Place) -> Any:
        return SetRelativeTargetMutation(
            direction=self.rng.choice(Directions), distance=self.rng.choice([1, 1, 1, 2, 3])
        )

    def _recompute(self, place: Place) -> Any:
        if not place.recomputes:
            return None
        return RecomputeMaterializedQueryMutation(
            tag_prefix=self.rng.choice(["net", "t", "mark:", *self.materialized]) if self.materialized else "t"
        )

    def _attack(self, place: Place) -> Any:
        return AttackMutation(weapon_resources={self.resource(): 1}) if self.chance(0.2) else None

    # --- handlers ------------------------------------------------------------------------------------------------

    def handler(self, place: Place, rate: float = 0.6, **fields: Any) -> Handler:
        return Handler(filters=self.filters("handler", 2, rate), mutations=self.mutations(place), **fields)

    def any_handler(self, place: Place, depth: int = 1) -> Any:
        if depth == 0 or self.chance(0.5):
            return self.handler(place)
        if place.aims:
            # Children share a context, so one that aims may leave the others without a target.
            place = replace(place, target_sure=False) if self.chance(0.3) else replace(place, aims=False)
        kind = FirstMatch if self.chance(0.5) else AllOf
        return kind(handlers=[self.any_handler(place, depth - 1) for _ in range(self.rng.choice([0, 1, 2, 2, 3]))])

    def maybe(self, probability: float, place: Place) -> Any:
        return self.any_handler(place, self.rng.choice([0, 1, 2])) if self.chance(probability) else None

    def tag_handlers(self) -> dict[str, Handler]:
        """Removal handlers may themselves remove only tags of a higher rank, so the recursion ends."""
        handlers = {}
        for prefix in self.rng.sample(
            ["mark:", "mark:a", "rare", "team:", "r", *self.materialized], self.rng.choice([1, 1, 2])
        ):
            rank = max(i for i, tag in enumerate(self.tags) if tag.startswith(prefix))
            handlers[prefix] = self.handler(Place(removed_above=rank, recomputes=False, aims=False), 0.4)
        return handlers

    # --- objects -------------------------------------------------------------------------------------------------

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

    # --- game ----------------------------------------------------------------------------------------------------

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

    # --- map and actions -----------------------------------------------------------------------------------------

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
    generator = Generator(seed)
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

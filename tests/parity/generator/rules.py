"""Game values, queries and filters, which name each other."""

from typing import Any

from mettagrid.config.filter import (
    GameValueFilter,
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
from mettagrid.config.query import ClosureQuery, MaterializedQuery, Query
from mettagrid.config.raycast_query import RaycastQuery

from tests.parity.generator.vocabulary import (
    CARDINALS,
    COUNTERS,
    DERIVED,
    ENGINE_STATS,
    Vocabulary,
)


class RuleDraws(Vocabulary):
    """Draws what rules ask."""

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

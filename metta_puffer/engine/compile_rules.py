"""Filters, queries and game values of a config to the flat tables of the C++ engine.

They name each other (a filter a query, a query a value, a value a query), so one class compiles all three. A part is
always appended before the record that names it: every index points backwards. `path` is where a rule stands in the
config; every error names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from mettagrid.config import game_value as values
from mettagrid.config.game_value import Scope

from metta_puffer import _engine
from metta_puffer.engine.compile_names import Names, fill, flag, tag_set, text
from metta_puffer.engine.errors import UnsupportedGame

ABSENT = -1
Range = tuple[int, int]
CARDINAL = {"north": (-1, 0), "south": (1, 0), "east": (0, 1), "west": (0, -1)}

# Filters that the published engine cannot attach inside `not`, `or`, a query or an event.
MOVE_ONLY_FILTERS = frozenset({"target_loc_empty", "target_is_usable"})
BLOCKER_FILTERS = frozenset({"resource", "vibe", "tag", "tag_prefix"})


@dataclass
class RuleTables:
    """The tables of cpp/game/game.hpp that rules index."""

    filters: list[Any] = dataclass_field(default_factory=list)
    mutations: list[Any] = dataclass_field(default_factory=list)
    queries: list[Any] = dataclass_field(default_factory=list)
    values: list[Any] = dataclass_field(default_factory=list)
    value_terms: list[Any] = dataclass_field(default_factory=list)
    handlers: list[Any] = dataclass_field(default_factory=list)
    handler_lists: list[int] = dataclass_field(default_factory=list)
    tag_sets: list[list[int]] = dataclass_field(default_factory=list)
    tag_lists: list[int] = dataclass_field(default_factory=list)
    resource_lists: list[int] = dataclass_field(default_factory=list)
    resource_deltas: list[Any] = dataclass_field(default_factory=list)
    directions: list[tuple[int, int]] = dataclass_field(default_factory=list)


def append(table: list[Any], entries: Sequence[Any]) -> Range:
    first = len(table)
    table.extend(entries)
    return first, len(entries)


def entity(target: Any, path: str) -> _engine.Entity:
    """ValueError for what is neither actor nor target."""
    known = {"actor": _engine.Entity.actor, "target": _engine.Entity.target}
    if str(target) not in known:
        raise ValueError(f"{path}: there is no entity {str(target)!r}, only actor and target")
    return known[str(target)]


def filter_type(config: Any, path: str) -> str:
    """UnsupportedGame for what is no filter; the published engine passes over it."""
    kind = getattr(config, "filter_type", None)
    if not hasattr(RuleCompiler, f"_filter_{kind}"):
        raise UnsupportedGame(path, f"unknown filter {config!r}")
    return str(kind)


class RuleCompiler:
    """Compiles into `tables`, resolving names by `names`."""

    def __init__(self, names: Names, tables: RuleTables) -> None:
        self.names = names
        self.tables = tables

    # ---- filters ----

    def filters(self, configs: Sequence[Any], path: str, *, move_only: bool = False) -> Range:
        """All must pass. `move_only`: whether target_loc_empty and target_is_usable can be attached here."""
        records: list[Any] = []
        for i, config in enumerate(configs):
            records += self._filter(config, f"{path}[{i}]", move_only=move_only)
        return append(self.tables.filters, records)

    def blockers(self, configs: Sequence[Any], path: str) -> Range:
        """Any blocks a ray. Several resources of one filter are several blockers."""
        records = []
        for i, config in enumerate(configs):
            where = f"{path}[{i}]"
            kind = filter_type(config, where)
            if kind not in BLOCKER_FILTERS:
                raise ValueError(f"{where}: a {kind} filter cannot block a ray")
            compiled = self._filter(config, where)
            if not compiled:
                raise ValueError(f"{where}: the filter names nothing that the game has")
            records += compiled
        return append(self.tables.filters, records)

    def _filter(self, config: Any, path: str, *, move_only: bool = False) -> list[Any]:
        """Records that must all pass. Empty for a filter on an unknown vibe, tag or resource: it counts as absent."""
        kind = filter_type(config, path)
        if kind in MOVE_ONLY_FILTERS and not move_only:
            raise ValueError(f"{path}: a {kind} filter cannot stand here")
        records: list[Any] = getattr(self, f"_filter_{kind}")(config, path)
        return records

    def _new_filter(self, kind: Any, path: str, **fields: Any) -> Any:
        return fill(_engine.Filter(), path, {"kind": kind, **fields})

    def _filter_vibe(self, config: Any, path: str) -> list[Any]:
        if config.vibe not in self.names.vibes:
            return []
        vibe = self.names.vibes[config.vibe]
        return [self._new_filter(_engine.FilterKind.vibe, path, entity=entity(config.target, path), vibe=vibe)]

    def _filter_resource(self, config: Any, path: str) -> list[Any]:
        return [
            self._new_filter(
                _engine.FilterKind.resource,
                f"{path}.resources.{name}",
                entity=entity(config.target, path),
                resource=self.names.resources[name],
                amount=amount,
            )
            for name, amount in config.resources.items()
            if name in self.names.resources
        ]

    def _filter_tag(self, config: Any, path: str) -> list[Any]:
        if config.tag not in self.names.tags:
            return []
        return [self._any_tag(config.target, [self.names.tags[config.tag]], path)]

    def _filter_tag_prefix(self, config: Any, path: str) -> list[Any]:
        return [self._any_tag(config.target, self._prefixed(config.tag_prefix, path), path)]

    def _any_tag(self, target: Any, tags: list[int], path: str) -> Any:
        kind = _engine.FilterKind.any_tag
        return self._new_filter(kind, path, entity=entity(target, path), tag_set=self._add_tag_set(tags))

    def _filter_shared_tag_prefix(self, config: Any, path: str) -> list[Any]:
        tags = self._prefixed(config.tag_prefix, path)
        return [self._new_filter(_engine.FilterKind.shared_tag, path, tag_set=self._add_tag_set(tags))]

    def _add_tag_set(self, tags: list[int]) -> int:
        self.tables.tag_sets.append(tag_set(tags))
        return len(self.tables.tag_sets) - 1

    def _prefixed(self, prefix: str, path: str) -> list[int]:
        tags = self.names.tags_with_prefix(prefix)
        if not tags:
            raise ValueError(f"{path}: no tag begins with {prefix!r}; the game has {sorted(self.names.tags)}")
        return tags

    def _filter_max_distance(self, config: Any, path: str) -> list[Any]:
        fields: dict[str, Any] = {"entity": entity(config.target, path), "radius": config.radius}
        kind = _engine.FilterKind.distance_to_actor
        if config.query is not None:
            kind = _engine.FilterKind.distance_to_query
            fields["query"] = self.query(config.query, f"{path}.query")
        return [self._new_filter(kind, path, **fields)]

    def _filter_game_value(self, config: Any, path: str) -> list[Any]:
        return [
            self._new_filter(
                _engine.FilterKind.game_value,
                path,
                entity=entity(config.target, path),
                value=self.value(config.value, f"{path}.value"),
                threshold=self.number_or_value(config.min, f"{path}.min"),
            )
        ]

    def _filter_target_loc_empty(self, _config: Any, path: str) -> list[Any]:
        return [self._new_filter(_engine.FilterKind.target_loc_empty, path)]

    def _filter_target_is_usable(self, _config: Any, path: str) -> list[Any]:
        return [self._new_filter(_engine.FilterKind.target_is_usable, path)]

    def _filter_periodic(self, config: Any, path: str) -> list[Any]:
        if config.period == 0:
            raise UnsupportedGame(f"{path}.period", "the published engine divides by it")
        start_on = config.period if config.start_on is None else config.start_on
        return [self._new_filter(_engine.FilterKind.periodic, path, period=config.period, start_on=start_on)]

    def _filter_not(self, config: Any, path: str) -> list[Any]:
        return [self._negation(self._filter(config.inner, f"{path}.inner"), path)]

    def _filter_or(self, config: Any, path: str) -> list[Any]:
        alternatives = []
        for i, inner in enumerate(config.inner):
            where = f"{path}.inner[{i}]"
            records = self._filter(inner, where)
            if len(records) > 1:  # several resources of one alternative must all be there
                records = [self._negation([self._negation(records, where)], where)]
            alternatives += records
        return [self._new_filter(_engine.FilterKind.any_of, path, inner=append(self.tables.filters, alternatives))]

    def _negation(self, inner: list[Any], path: str) -> Any:
        return self._new_filter(_engine.FilterKind.negation, path, inner=append(self.tables.filters, inner))

    # ---- queries ----

    def query(self, config: Any, path: str) -> int:
        """Index of a compiled query; a string is a query for that tag."""
        if isinstance(config, str):
            return self._add_query(path, kind=_engine.QueryKind.tag, tag=self._queried_tag(config, path))
        compile_one = getattr(self, f"_query_{config.query_type}", None)
        if compile_one is None:
            raise UnsupportedGame(path, f"unknown query {config.query_type!r}")
        index: int = compile_one(config, path)
        return index

    def _add_query(self, path: str, **fields: Any) -> int:
        self.tables.queries.append(fill(_engine.Query(), path, fields))
        return len(self.tables.queries) - 1

    def _queried_tag(self, name: str, path: str) -> int:
        if name not in self.names.tags:
            raise ValueError(f"{path}: the query names the unknown tag {name!r}")
        return self.names.tags[name]

    def _order_and_limit(self, config: Any, path: str) -> dict[str, Any]:
        max_items = ABSENT if config.max_items is None else self.number_or_value(config.max_items, f"{path}.max_items")
        return {"max_items": max_items, "random_order": config.order_by == "random"}

    def _query_query(self, config: Any, path: str) -> int:
        fields = self._order_and_limit(config, path)
        if isinstance(config.source, str):
            fields |= {"kind": _engine.QueryKind.tag, "tag": self._queried_tag(config.source, f"{path}.source")}
        else:
            fields |= {"kind": _engine.QueryKind.filtered, "source": self.query(config.source, f"{path}.source")}
        return self._add_query(path, filters=self.filters(config.filters, f"{path}.filters"), **fields)

    def _query_materialized(self, config: Any, path: str) -> int:
        return self.query(config.tag, path)  # its own filters and limits do not count

    def _query_closure(self, config: Any, path: str) -> int:
        return self._add_query(
            path,
            kind=_engine.QueryKind.closure,
            source=self.query(config.source, f"{path}.source"),
            candidates=self.query(config.candidates, f"{path}.candidates"),
            edge_filters=self.filters(config.edge_filters or (), f"{path}.edge_filters"),
            filters=self.filters(config.filters or (), f"{path}.filters"),
            **self._order_and_limit(config, path),
        )

    def _query_raycast(self, config: Any, path: str) -> int:
        fields = self._order_and_limit(config, path)
        fields["random_order"] = False  # a raycast keeps the order of its rays
        return self._add_query(
            path,
            kind=_engine.QueryKind.raycast,
            source=self.query(config.source, f"{path}.source"),
            max_range=self.number_or_value(config.max_range, f"{path}.max_range"),
            directions=self.directions(config.directions or ["north", "south", "east", "west"], f"{path}.directions"),
            blockers=self.blockers(config.blocker, f"{path}.blocker"),
            include_blocker=config.include_blocker,
            **fields,
        )

    def directions(self, names: Sequence[str], path: str) -> Range:
        for name in names:
            if name not in CARDINAL:
                raise KeyError(f"{path}: {name!r} is not one of {', '.join(CARDINAL)}")
        return append(self.tables.directions, [CARDINAL[name] for name in names])

    # ---- game values ----

    def number_or_value(self, number: Any, path: str) -> int:
        """Index of a value that may be given as a plain int."""
        return self.value(values.val(number) if isinstance(number, int) else number, path)

    def value(self, config: Any, path: str) -> int:
        """Index of a compiled game value."""
        compile_one = getattr(self, f"_value_{type(config).__name__}", None)
        if compile_one is None:
            raise UnsupportedGame(path, f"unknown game value {type(config).__name__}")
        index: int = compile_one(config, path)
        return index

    def _add_value(self, path: str, kind: Any, **fields: Any) -> int:
        self.tables.values.append(fill(_engine.Value(), path, {"kind": kind, **fields}))
        return len(self.tables.values) - 1

    def _value_InventoryValue(self, config: Any, path: str) -> int:
        fields = self._scope(config.scope, path)
        if config.scope == Scope.GAME:  # read when there is no actor
            fields["stat"] = self.names.game_stats.slot(f"{config.item}.amount")
        resource = self.names.resource(config.item, f"{path}.item")
        return self._add_value(path, _engine.ValueKind.inventory, resource=resource, **fields)

    def _value_StatValue(self, config: Any, path: str) -> int:
        scope = self._scope(config.scope, path)
        flag(config.delta, f"{path}.delta")  # which has no effect
        if config.name == "":
            return self._add_value(path, _engine.ValueKind.oldest_stat, **scope)
        stats = self.names.game_stats if config.scope == Scope.GAME else self.names.agent_stats
        return self._add_value(
            path, _engine.ValueKind.stat, stat=stats.slot(text(config.name, f"{path}.name")), **scope
        )

    def _scope(self, scope: Any, path: str) -> dict[str, Any]:
        if scope not in (Scope.AGENT, Scope.GAME):
            raise KeyError(f"{path}.scope: there is no scope {scope!r}, only agent and game")
        return {"scope": _engine.Scope.game if scope == Scope.GAME else _engine.Scope.agent}

    def _value_ConstValue(self, config: Any, path: str) -> int:
        return self._add_value(path, _engine.ValueKind.constant, constant=config.value)

    def _value_QueryInventoryValue(self, config: Any, path: str) -> int:
        resource = self.names.resource(config.item, f"{path}.item")
        query = self.query(config.query, f"{path}.query")
        return self._add_value(path, _engine.ValueKind.query_inventory, resource=resource, query=query)

    def _value_QueryCountValue(self, config: Any, path: str) -> int:
        return self._add_value(path, _engine.ValueKind.query_count, query=self.query(config.query, f"{path}.query"))

    def _value_SumGameValue(self, config: Any, path: str) -> int:
        if isinstance(config.weights, str):
            raise TypeError(f"{path}.weights = {config.weights!r} is no list of numbers")
        weights = [] if config.weights is None else list(config.weights)
        if weights and len(weights) != len(config.values):
            given = f"{len(weights)} weights for {len(config.values)} values"
            raise UnsupportedGame(f"{path}.weights", f"{given}; the published engine stops when it reads them")
        terms = self._terms(config.values, f"{path}.values", weights)
        return self._add_value(path, _engine.ValueKind.sum, terms=terms, logarithm=config.log, weighted=bool(weights))

    def _value_RatioGameValue(self, config: Any, path: str) -> int:
        return self._add_value(
            path, _engine.ValueKind.ratio, terms=self._terms([config.numerator, config.denominator], path)
        )

    def _value_MaxGameValue(self, config: Any, path: str) -> int:
        return self._extremum(_engine.ValueKind.max, config, path)

    def _value_MinGameValue(self, config: Any, path: str) -> int:
        return self._extremum(_engine.ValueKind.min, config, path)

    def _extremum(self, kind: Any, config: Any, path: str) -> int:
        if not config.values:
            kind = _engine.ValueKind.sum  # the largest and the smallest of nothing are 0
        return self._add_value(path, kind, terms=self._terms(config.values, f"{path}.values"))

    def _terms(self, configs: Sequence[Any], path: str, weights: Sequence[float] = ()) -> Range:
        parts = [self.value(config, f"{path}[{i}]") for i, config in enumerate(configs)]
        records = [
            fill(_engine.ValueTerm(), path, {"value": part, "weight": weights[i] if weights else 1.0})
            for i, part in enumerate(parts)
        ]
        return append(self.tables.value_terms, records)

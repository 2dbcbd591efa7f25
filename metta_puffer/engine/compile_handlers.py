"""Mutations and handlers of a config to the flat tables of the C++ engine."""

from collections.abc import Mapping, Sequence
from typing import Any

from mettagrid.config.game_value import val
from mettagrid.config.handler_config import AllOf, FirstMatch, Handler

from metta_puffer import _engine
from metta_puffer.engine.compile_names import INT32, UINT32, Names, fill, in_range, text
from metta_puffer.engine.compile_rules import ABSENT, Range, RuleCompiler, RuleTables, append, entity
from metta_puffer.engine.errors import UnsupportedGame

ORIENTATIONS = {
    name: code
    for code, name in enumerate(("north", "south", "west", "east", "northwest", "northeast", "southwest", "southeast"))
}

# Mutations that the published engine cannot attach to an event.
NOT_IN_EVENTS = frozenset({"swap", "use_target", "push_object"})


class HandlerCompiler(RuleCompiler):
    """Adds mutations and handlers to the rules. `materialized`: output tags of the game's materialized queries."""

    def __init__(self, names: Names, tables: RuleTables, materialized: Sequence[str]) -> None:
        super().__init__(names, tables)
        self._materialized: dict[int, int] = {}
        for index, tag in enumerate(materialized):
            self._materialized.setdefault(names.tags[tag], index)

    # ---- handlers ----

    def handler(self, config: Handler | FirstMatch | AllOf | None, path: str) -> int:
        """Index of a compiled handler; -1 for none and for a composite without children."""
        if config is None:
            return ABSENT
        if isinstance(config, Handler):
            text(config.name or "", f"{path}.name")
            return self.single(config, path)
        mode = _engine.HandlerMode.first_match if isinstance(config, FirstMatch) else _engine.HandlerMode.all_of
        children = [self.handler(child, f"{path}.handlers[{i}]") for i, child in enumerate(config.handlers)]
        children = [child for child in children if child != ABSENT]
        if not children:
            return ABSENT
        return self._add_handler(path, mode=mode, children=append(self.tables.handler_lists, children))

    def single(self, config: Any, path: str) -> int:
        """Index of a handler with filters and mutations."""
        filters = self.filters(config.filters, f"{path}.filters", move_only=True)
        return self._add_handler(path, filters=filters, mutations=self.mutations(config.mutations, f"{path}.mutations"))

    def handlers(self, configs: Mapping[str, Handler], path: str) -> list[int]:
        return [self.single(config, f"{path}.{text(name, path)}") for name, config in configs.items()]

    def tag_handlers(self, configs: Mapping[str, Handler], path: str) -> list[Any]:
        """One TagHandler for every tag that a prefix of `on_tag_remove` matches."""
        records = []
        for prefix, config in configs.items():
            where = f"{path}.{prefix}"
            tags = self._prefixed(prefix, where)
            index = self.single(config, where)
            records += [fill(_engine.TagHandler(), where, {"tag": tag, "handler": index}) for tag in tags]
        return records

    def _add_handler(self, path: str, **fields: Any) -> int:
        self.tables.handlers.append(fill(_engine.Handler(), path, fields))
        return len(self.tables.handlers) - 1

    # ---- mutations ----

    def mutations(self, configs: Sequence[Any], path: str, *, in_event: bool = False) -> Range:
        records: list[Any] = []
        for i, config in enumerate(configs):
            where = f"{path}[{i}]"
            kind = getattr(config, "mutation_type", None)
            if in_event and kind in NOT_IN_EVENTS:
                raise ValueError(f"{where}: a {kind} mutation cannot stand in an event")
            compile_one = getattr(self, f"_mutation_{kind}", None)
            if compile_one is None:
                raise UnsupportedGame(where, f"unknown mutation {config!r}")
            records += compile_one(config, where)
        return append(self.tables.mutations, records)

    def _new_mutation(self, kind: str, path: str, **fields: Any) -> Any:
        return fill(_engine.Mutation(), path, {"kind": getattr(_engine.MutationKind, kind), **fields})

    def _known_resource(self, name: str, path: str) -> int:
        if name not in self.names.resources:
            raise ValueError(f"{path}: unknown resource {name!r}; the game has {list(self.names.resources)}")
        return self.names.resources[name]

    def _mutation_resource_delta(self, config: Any, path: str) -> list[Any]:
        return [
            self._new_mutation(
                "resource_delta",
                f"{path}.deltas.{name}",
                entity=entity(config.target, path),
                resource=self._known_resource(name, f"{path}.deltas"),
                amount=delta,
            )
            for name, delta in config.deltas.items()
        ]

    def _mutation_resource_transfer(self, config: Any, path: str) -> list[Any]:
        return [
            self._new_mutation(
                "resource_transfer",
                f"{path}.resources.{name}",
                entity=entity(config.from_target, path),
                destination=entity(config.to_target, path),
                resource=self._known_resource(name, f"{path}.resources"),
                amount=amount,
                remove_source_when_empty=config.remove_source_when_empty,
            )
            for name, amount in config.resources.items()
        ]

    def _mutation_clear_inventory(self, config: Any, path: str) -> list[Any]:
        limits = self.names.limit_resources
        if config.limit_name not in limits:
            raise ValueError(f"{path}.limit_name: unknown limit {config.limit_name!r}; agents have {list(limits)}")
        resources = append(self.tables.resource_lists, limits[config.limit_name])
        return [self._new_mutation("clear_inventory", path, entity=entity(config.target, path), resources=resources)]

    def _mutation_attack(self, _config: Any, _path: str) -> list[Any]:
        return []  # the published engine drops it

    def _mutation_stats(self, config: Any, path: str) -> list[Any]:
        if str(config.target) not in ("agent", "game"):
            raise ValueError(f"{path}.target: there is no tracker {config.target!r}, only agent and game")
        in_game = str(config.target) == "game"
        stats = self.names.game_stats if in_game else self.names.agent_stats
        return [
            self._new_mutation(
                "set_stat",
                path,
                entity=entity(config.entity, path),
                scope=_engine.Scope.game if in_game else _engine.Scope.agent,
                stat=stats.slot(text(config.stat, f"{path}.stat")),
                source=self.value(config.source, f"{path}.source"),
            )
        ]

    def _known_tag(self, name: str, path: str) -> int:
        if name not in self.names.tags:
            raise ValueError(f"{path}.tag: unknown tag {name!r}; the game has {list(self.names.tags)}")
        return self.names.tags[name]

    def _mutation_add_tag(self, config: Any, path: str) -> list[Any]:
        tag = self._known_tag(config.tag, path)
        return [self._new_mutation("add_tag", path, entity=entity(config.target, path), tag=tag)]

    def _mutation_remove_tag(self, config: Any, path: str) -> list[Any]:
        tag = self._known_tag(config.tag, path)
        return [self._new_mutation("remove_tag", path, entity=entity(config.target, path), tag=tag)]

    def _mutation_remove_tags_with_prefix(self, config: Any, path: str) -> list[Any]:
        tags = append(self.tables.tag_lists, self.names.tags_with_prefix(config.prefix))
        return [self._new_mutation("remove_tags", path, entity=entity(config.target, path), tags=tags)]

    def _mutation_change_vibe(self, config: Any, path: str) -> list[Any]:
        vibe = self.names.vibes.get(config.vibe_name, 0)
        return [self._new_mutation("change_vibe", path, entity=entity(config.target, path), vibe=vibe)]

    def _mutation_set_game_value(self, config: Any, path: str) -> list[Any]:
        source = val(config.delta) if config.source is None else config.source
        return [
            self._new_mutation(
                "set_game_value",
                path,
                entity=entity(config.target, path),
                value=self.value(config.value, f"{path}.value"),
                source=self.value(source, f"{path}.source"),
            )
        ]

    def _mutation_recompute_materialized_query(self, config: Any, path: str) -> list[Any]:
        tags = self._prefixed(config.tag_prefix, path)
        return [
            self._new_mutation("recompute_query", path, materialized=self._materialized.get(tag, ABSENT))
            for tag in tags
        ]

    def _mutation_query_inventory(self, config: Any, path: str) -> list[Any]:
        query = self.query(config.query, f"{path}.query")
        stats = config.transfer_stats or {}
        moved = {self.names.resource(name, f"{path}.transfer_stats"): stat for name, stat in stats.items()}
        deltas = []
        for name, delta in config.deltas.items():
            resource = self._known_resource(name, f"{path}.deltas")
            stat = self.names.game_stats.slot(moved[resource]) if resource in moved else ABSENT
            fields = {"resource": resource, "delta": delta, "transfer_stat": stat}
            deltas.append(fill(_engine.ResourceDelta(), f"{path}.deltas.{name}", fields))
        return [
            self._new_mutation(
                "query_inventory",
                path,
                query=query,
                deltas=append(self.tables.resource_deltas, deltas),
                has_source=config.source is not None,
                entity=entity("actor" if config.source is None else config.source, path),
            )
        ]

    def _mutation_query_place_adjacent(self, config: Any, path: str) -> list[Any]:
        query = self.query(config.query, f"{path}.query")
        return [self._new_mutation("query_place_adjacent", path, entity=entity(config.target, path), query=query)]

    def _mutation_relocate(self, _config: Any, path: str) -> list[Any]:
        return [self._new_mutation("relocate", path)]

    def _mutation_swap(self, _config: Any, path: str) -> list[Any]:
        return [self._new_mutation("swap", path)]

    def _mutation_use_target(self, _config: Any, path: str) -> list[Any]:
        return [self._new_mutation("use_target", path)]

    def _mutation_push_object(self, _config: Any, path: str) -> list[Any]:
        return [self._new_mutation("push_object", path)]

    def _mutation_spawn_object(self, config: Any, path: str) -> list[Any]:
        return [self._new_mutation("spawn_object", path, object_config=self._spawned(config, path))]

    def _spawned(self, config: Any, path: str) -> int:
        return self.names.cells.get(text(config.object_type, f"{path}.object_type"), ABSENT)

    def _mutation_raycast_spawn(self, config: Any, path: str) -> list[Any]:
        return [
            self._new_mutation(
                "raycast_spawn",
                path,
                object_config=self._spawned(config, path),
                value=self.number_or_value(config.max_range, f"{path}.max_range"),
                directions=self.directions(config.directions, f"{path}.directions"),
                blockers=self.blockers(config.blocker, f"{path}.blocker"),
            )
        ]

    def _mutation_set_relative_target(self, config: Any, path: str) -> list[Any]:
        if config.direction not in ORIENTATIONS:
            raise KeyError(f"{path}.direction: {config.direction!r} is not one of {', '.join(ORIENTATIONS)}")
        orientation = ORIENTATIONS[config.direction]
        # Taken as 32 bits without a sign and read as 32 bits with one: the largest lies one cell behind.
        distance = in_range(config.distance, UINT32, f"{path}.distance")
        distance -= 2**32 if distance > INT32[1] else 0
        return [self._new_mutation("set_relative_target", path, orientation=orientation, distance=distance)]

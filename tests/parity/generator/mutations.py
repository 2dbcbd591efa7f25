"""Mutations, each where it may stand."""

from dataclasses import replace
from typing import Any

from mettagrid.config.action_config import (
    Directions,
)
from mettagrid.config.game_value import (
    ConstValue,
    InventoryValue,
    StatValue,
    SumGameValue,
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

from tests.parity.generator.rules import RuleDraws
from tests.parity.generator.vocabulary import (
    CARDINALS,
    COUNTERS,
    DERIVED,
    ENGINE_STATS,
    MARKS,
    TARGET,
    Place,
)


class MutationDraws(RuleDraws):
    """Draws what rules do."""

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
        kept = self.rng.choice([*ENGINE_STATS, f"{self.resource()}.amount", f"{self.resource()}.lost"])
        written = kept if self.chance(0.3) else self.rng.choice(DERIVED)
        return StatsMutation(stat=written, target=where, entity=who, source=self.bounded(1))

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

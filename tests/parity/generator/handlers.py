"""Handlers, plain and nested, and those of removed tags."""

from dataclasses import replace
from typing import Any

from mettagrid.config.handler_config import AllOf, FirstMatch, Handler

from tests.parity.generator.mutations import MutationDraws
from tests.parity.generator.vocabulary import Place


class HandlerDraws(MutationDraws):
    """Draws handlers."""

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

"""Names of a config to the ids of the engine: resources, tags, vibes, cells, statistics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mettagrid.config.mettagrid_config import AgentConfig, GameConfig
from mettagrid.config.tag import typeTag

MAX_TAGS = 256
UINT8, UINT16, UINT32 = (0, 2**8 - 1), (0, 2**16 - 1), (0, 2**32 - 1)
INT32 = (-(2**31), 2**31 - 1)
T = TypeVar("T")


class Interned:
    """Statistic names of one kind of tracker, each with a slot."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._slots: dict[str, int] = {}

    def slot(self, name: str) -> int:
        if name not in self._slots:
            self._slots[name] = len(self.names)
            self.names.append(name)
        return self._slots[name]


@dataclass
class Names:
    """Everything that a name of the config resolves to."""

    resources: dict[str, int]
    tags: dict[str, int]
    vibes: dict[str, int]
    limit_resources: dict[str, list[int]]  # limit name -> resource ids, from the first agent that defines it
    territories: dict[str, int]
    cells: dict[str, int] = field(default_factory=dict)  # what a map cell or a spawn names -> object config
    agent_stats: Interned = field(default_factory=Interned)
    game_stats: Interned = field(default_factory=Interned)

    def tags_with_prefix(self, prefix: str) -> list[int]:
        """Ids of all tags whose name starts with `prefix`, ascending."""
        return [tag for name, tag in self.tags.items() if name.startswith(prefix)]

    def resource(self, name: str, path: str) -> int:
        """KeyError (as the published engine) for an unknown name."""
        if name not in self.resources:
            raise KeyError(f"{path}: unknown resource {name!r}")
        return self.resources[name]


def agents_of(game: GameConfig) -> list[AgentConfig]:
    """The agents of a game: `game.agents`, or its template `num_agents` times."""
    if game.agents:
        return list(game.agents)
    template = game.agent.model_copy(update={"team_id": 0})
    return [template] * game.num_agents


def collect_names(game: GameConfig, agents: list[AgentConfig]) -> Names:
    """ValueError when the game has more than 256 tags."""
    resources = {name: i for i, name in enumerate(game.resource_names)}
    limit_resources: dict[str, list[int]] = {}
    for agent in agents:
        for name, limit in agent.inventory.limits.items():
            if name not in limit_resources:
                limit_resources[name] = [resources[r] for r in limit.resources if r in resources]
    return Names(
        resources=resources,
        tags={name: i for i, name in enumerate(_tag_names(game, agents))},
        vibes={vibe.name: i for i, vibe in enumerate(game.actions.change_vibe.vibes)},
        limit_resources=limit_resources,
        territories={name: i for i, name in enumerate(game.territories)},
    )


def _tag_names(game: GameConfig, agents: list[AgentConfig]) -> list[str]:
    names = set(game.tags) | {query.tag for query in game.materialize_queries}
    for config in [*game.objects.values(), *agents]:
        names.update(config.tags)
        names.add(typeTag(config.name))
    if len(names) > MAX_TAGS:
        raise ValueError(f"game.tags: the game has {len(names)} distinct tags, at most {MAX_TAGS} are possible")
    return sorted(names)


def fill(record: T, path: str, fields: Mapping[str, Any]) -> T:
    """Sets attributes of a compiled record. TypeError naming path, field and value for what does not fit its type."""
    for name, value in fields.items():
        try:
            setattr(record, name, value)
        except TypeError as error:
            raise TypeError(f"{path}: {name} = {value!r} is out of range") from error
    return record


def in_range(number: int, bounds: tuple[int, int], path: str) -> int:
    """`number`. TypeError, as the published engine's, for what its type there does not hold."""
    lowest, highest = bounds
    if not lowest <= number <= highest:
        raise TypeError(f"{path} = {number!r} is not in {lowest}..{highest}")
    return number


def text(value: str, path: str) -> str:
    """`value`. TypeError for what the published engine does not take as text, lone surrogates included."""
    try:
        value.encode()
    except (AttributeError, UnicodeEncodeError) as error:
        raise TypeError(f"{path} = {value!r} is no text") from error
    return value


def flag(value: bool, path: str) -> bool:
    """`value` as a bool. TypeError for what has no truth of its own (a text, a list), as in the published engine."""
    if not hasattr(type(value), "__bool__"):
        raise TypeError(f"{path} = {value!r} is neither true nor false")
    return bool(value)


def tag_set(tags: Iterable[int]) -> list[int]:
    """Tag ids as the four 64-bit words of a C++ TagSet."""
    words = [0, 0, 0, 0]
    for tag in tags:
        words[tag // 64] |= 1 << (tag % 64)
    return words

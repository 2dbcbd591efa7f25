"""What stands on a map: walls, objects and agents, the cells that name them, and what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mettagrid.config.mettagrid_config import AgentConfig, GameConfig, GridObjectConfig, InventoryConfig, WallConfig
from mettagrid.config.tag import typeTag

from metta_puffer import _engine
from metta_puffer.engine.compile_handlers import HandlerCompiler
from metta_puffer.engine.compile_names import INT32, UINT16, Names, fill, in_range
from metta_puffer.engine.compile_rules import append
from metta_puffer.engine.errors import UnsupportedGame

MAX_LIMITS = 254  # of one inventory, those of single resources by default_limit included
TEAM_COLOURS = dict(enumerate(("red", "blue", "green", "yellow", "purple", "orange")))


@dataclass
class Team:
    """Agents with one team_id, in config order. Groups count teams by first appearance."""

    team_id: int
    group_id: int
    members: list[AgentConfig]

    @property
    def group_name(self) -> str:
        return TEAM_COLOURS.get(self.team_id, f"group_{self.group_id}")

    def aliases(self) -> list[str]:
        """Further cell names of the team, in the order in which they are entered."""
        names = [f"agent.team_{self.group_id}"]
        if self.team_id != self.group_id:
            names.append(f"agent.team_{self.team_id}")
        if self.group_id in TEAM_COLOURS:
            names.append(f"agent.{TEAM_COLOURS[self.group_id]}")
        if self.team_id in TEAM_COLOURS and self.team_id != self.group_id:
            names.append(f"agent.{TEAM_COLOURS[self.team_id]}")
        if self.group_id == 0:
            names += ["agent.default", "agent.agent"]
        return names


@dataclass
class Cells:
    """Cell name to object config, and the cells that stand for one agent of a team after the other."""

    configs: dict[str, int]
    renames: dict[str, list[str]]
    sources: list[tuple[GridObjectConfig, str, Team | None]]  # by object config: what to compile, its path, its team


def teams_of(agents: Sequence[AgentConfig]) -> list[Team]:
    """ValueError when members of a team differ in their tags."""
    teams: dict[int, Team] = {}
    for agent in agents:
        team = teams.setdefault(agent.team_id, Team(agent.team_id, len(teams), []))
        if team.members and set(agent.tags) != set(team.members[0].tags):
            raise ValueError(f"game.agents: all agents of team {agent.team_id} must have the same tags")
        team.members.append(agent)
    return list(teams.values())


def lay_out_cells(game: GameConfig, agents: Sequence[AgentConfig]) -> Cells:
    """Every cell name that a map may use. Later entries take over the names of earlier ones."""
    configs: dict[str, int] = {}
    renames: dict[str, list[str]] = {}
    sources: list[tuple[GridObjectConfig, str, Team | None]] = []
    for team in teams_of(agents):
        member_cells = []
        compiled: dict[int, int] = {}  # members that share one config object share what is compiled from it
        for index, agent in enumerate(team.members):
            cell = f"agent.{team.group_name}.{index}"
            member_cells.append(cell)
            if id(agent) not in compiled:
                compiled[id(agent)] = len(sources)
                sources.append((agent, "game.agent" if not game.agents else f"game.agents ({cell})", team))
            configs[cell] = compiled[id(agent)]
        canonical = f"agent.{team.group_name}"
        if len(member_cells) > 1:
            renames[canonical] = member_cells
        for name in [canonical, *team.aliases()]:
            configs[name] = configs[member_cells[0]]
            if canonical in renames:  # maybe an earlier team's, entered under one of that team's aliases
                renames[name] = renames[canonical]
    for key, config in game.objects.items():
        configs[config.map_name] = len(sources)
        sources.append((config, f"game.objects.{key}", None))
    return Cells(configs, renames, sources)


class ObjectCompiler:
    """Compiles object and agent configs of one game. `default_limit`: the first agent's, which holds for all agents."""

    def __init__(self, names: Names, handlers: HandlerCompiler, default_limit: int) -> None:
        self._names = names
        self._handlers = handlers
        self._default_limit = default_limit

    def compile(self, config: GridObjectConfig, path: str, team: Team | None) -> Any:
        """The ObjectConfig of a config; `team` is the agent's, None for walls and objects."""
        handlers = self._handlers
        fields: dict[str, Any] = {
            "kind": _engine.ObjectKind.object,
            "type_name": config.name,
            "vibe": config.vibe,
            "tags": [self._names.tags[tag] for tag in [*config.tags, typeTag(config.name)]],
            "on_use": handlers.handler(config.on_use_handler, f"{path}.on_use_handler"),
            "on_tag_remove": handlers.tag_handlers(config.on_tag_remove or {}, f"{path}.on_tag_remove"),
            "aoes": [self._aoe(aoe, f"{path}.aoes.{name}") for name, aoe in (config.aoes or {}).items()],
            "territory_controls": [
                self._territory_control(control, f"{path}.territory_controls[{i}]")
                for i, control in enumerate(config.territory_controls or ())
            ],
        }
        if isinstance(config, AgentConfig):
            assert team is not None
            fields |= {
                "kind": _engine.ObjectKind.agent,
                "agent": self._agent(config, team, path),
                "inventory": self._agent_inventory(config.inventory, f"{path}.inventory"),
            }
            return fill(_engine.ObjectConfig(), path, fields)  # nobody hides what is behind an agent
        fields["blocks_vision"] = config.blocks_vision
        if isinstance(config, WallConfig):
            fields["kind"] = _engine.ObjectKind.wall  # holds nothing at first and without limit, whatever it says
        else:
            fields["inventory"] = self._object_inventory(config.inventory, f"{path}.inventory")
        return fill(_engine.ObjectConfig(), path, fields)

    def _agent(self, config: AgentConfig, team: Team, path: str) -> Any:
        handlers = self._handlers
        rewards = [
            fill(
                _engine.RewardEntry(),
                f"{path}.rewards.{name}",
                {"value": handlers.value(entry.reward, f"{path}.rewards.{name}.reward"), "per_tick": entry.per_tick},
            )
            for name, entry in config.rewards.items()
        ]
        stats = [
            fill(
                _engine.InitialStat(),
                f"{path}.initial_stats.{name}",
                {"stat": self._names.agent_stats.slot(name), "value": float(value)},
            )
            for name, value in config.initial_stats.items()
        ]
        return fill(
            _engine.AgentConfig(),
            path,
            {
                "group_id": team.group_id,
                "group_name": team.group_name,
                "on_tick": handlers.handler(config.on_tick, f"{path}.on_tick"),
                "on_after_use": handlers.handler(config.on_after_use_handler, f"{path}.on_after_use_handler"),
                "rewards": rewards,
                "initial_stats": stats,
            },
        )

    def _aoe(self, config: Any, path: str) -> Any:
        handlers = self._handlers
        deltas = []
        for name, delta in config.presence_deltas.items():
            if name not in self._names.resources:
                raise ValueError(f"{path}.presence_deltas: unknown resource {name!r}")
            fields = {"resource": self._names.resources[name], "delta": delta}
            deltas.append(fill(_engine.ResourceDelta(), f"{path}.presence_deltas.{name}", fields))
        return fill(
            _engine.AoeConfig(),
            path,
            {
                "radius": config.radius,
                "is_static": config.is_static,
                "effect_self": config.effect_self,
                "filters": handlers.filters(config.filters, f"{path}.filters", move_only=True),
                "mutations": handlers.mutations(config.mutations, f"{path}.mutations"),
                "presence_deltas": append(handlers.tables.resource_deltas, deltas),
            },
        )

    def _territory_control(self, config: Any, path: str) -> Any:
        if config.territory not in self._names.territories:
            known = sorted(self._names.territories)
            raise ValueError(f"{path}.territory: unknown territory {config.territory!r}; the game has {known}")
        fields = {
            "territory": self._names.territories[config.territory],
            "strength": in_range(config.strength, INT32, f"{path}.strength"),
            "decay": in_range(config.decay, INT32, f"{path}.decay"),
        }
        return fill(_engine.TerritoryControl(), path, fields)

    # ---- inventories ----

    def _agent_inventory(self, config: InventoryConfig, path: str) -> Any:
        """Every resource is limited: by its entry in `limits`, or on its own by the default."""
        resources = self._names.resources
        groups = []
        limited: set[str] = set()
        for name, limit in config.limits.items():
            where = f"{path}.limits.{name}"
            members = [self._names.resource(member, f"{where}.resources") for member in limit.resources]
            groups.append(self._group(members, limit.base, where, limit.max, limit.modifiers))
            limited.update(limit.resources)
        for name, resource in resources.items():
            if name not in limited:
                groups.append(self._group([resource], self._default_limit, f"{path}.default_limit"))
        initial = [
            (self._names.resource(name, f"{path}.initial"), in_range(amount, UINT16, f"{path}.initial.{name}"))
            for name, amount in config.initial.items()
        ]
        return self._inventory(groups, initial, path)

    def _object_inventory(self, config: InventoryConfig, path: str) -> Any:
        """Only resources with an entry in `limits` or `initial` are limited; unknown names do not count."""
        resources = self._names.resources
        groups = []
        limited: set[str] = set()
        for name, limit in config.limits.items():
            members = [resources[member] for member in limit.resources if member in resources]
            limited.update(limit.resources)
            if members:
                groups.append(self._group(members, limit.base, f"{path}.limits.{name}", limit.max, limit.modifiers))
        for name in config.initial:
            if name not in limited and name in resources:
                groups.append(self._group([resources[name]], config.default_limit, f"{path}.default_limit"))
        initial = [
            (resources[name], in_range(amount, UINT16, f"{path}.initial.{name}"))
            for name, amount in config.initial.items()
            if name in resources
        ]
        return self._inventory(groups, initial, path)

    @staticmethod
    def _inventory(groups: list[Any], initial: list[tuple[int, int]], path: str) -> Any:
        if len(groups) > MAX_LIMITS:
            raise UnsupportedGame(f"{path}.limits", f"{len(groups)} limits are more than {MAX_LIMITS}")
        return fill(_engine.InventoryConfig(), path, {"groups": groups, "initial": initial})

    def _group(
        self,
        members: list[int],
        base: int,
        path: str,
        maximum: int = UINT16[1],
        modifiers: Mapping[str, int] = MappingProxyType({}),
    ) -> Any:
        records = [
            fill(
                _engine.LimitModifier(),
                path,
                {
                    "resource": self._names.resources[name],
                    "bonus": in_range(bonus, UINT16, f"{path}.modifiers.{name}"),
                },
            )
            for name, bonus in modifiers.items()
            if name in self._names.resources
        ]
        fields = {
            "members": members,
            "base": in_range(base, UINT16, f"{path}.base"),
            "max": in_range(maximum, UINT16, f"{path}.max"),
            "modifiers": records,
        }
        return fill(_engine.LimitGroup(), path, fields)

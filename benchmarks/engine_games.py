"""The games that benchmarks/engine.py measures."""

from typing import Any

from mettagrid.builder.envs import make_arena
from mettagrid.config.event_config import EventConfig, periodic
from mettagrid.config.filter import sharedTagPrefix
from mettagrid.config.handler_config import AOEConfig, Handler
from mettagrid.config.mettagrid_config import GridObjectConfig, MettaGridConfig
from mettagrid.config.mutation import logActorAgentStat, updateTarget
from mettagrid.config.query import query
from mettagrid.config.tag import typeTag
from mettagrid.config.territory_config import TerritoryConfig, TerritoryControlConfig


def arena(agents: int, window: int, tokens: int) -> MettaGridConfig:
    config = make_arena(agents)
    config.game.obs.width = config.game.obs.height = window
    config.game.obs.num_tokens = tokens
    config.game.max_steps = 0
    return config


def busy_game() -> MettaGridConfig:
    """24 agents in two teams of territory, with static and mobile areas, ticks and events."""
    config = arena(24, 13, 500)
    game = config.game
    ore, heart = game.resource_names[0], "heart"
    game.agent.tags = ["team:a"]
    game.agent.aoes = {"aura": AOEConfig(radius=2, is_static=False, mutations=[updateTarget({ore: 1})])}
    game.agent.on_tick = Handler(mutations=[logActorAgentStat("ticks")])
    game.territories = {
        "land": TerritoryConfig(
            tag_prefix="team:",
            on_enter={"enter": Handler(mutations=[updateTarget({heart: 1})])},
            presence={
                "own": Handler(filters=[sharedTagPrefix("team:")], mutations=[updateTarget({ore: -1})]),
            },
        )
    }
    posts = {}
    for name, team in (("post_a", "team:a"), ("post_b", "team:b")):
        posts[name] = GridObjectConfig(
            name=name,
            tags=[team],
            aoes={"heal": AOEConfig(radius=4, mutations=[updateTarget({ore: 2})], presence_deltas={heart: 1})},
            territory_controls=[TerritoryControlConfig(territory="land", strength=6)],
        )
    game.objects |= posts
    game.events = {
        "rain": EventConfig(
            target_query=query(typeTag("agent")), timesteps=periodic(10, 10), mutations=[updateTarget({ore: -3})]
        )
    }
    builder: Any = game.map_builder
    builder.instance.objects |= {"post_a": 6, "post_b": 6}
    return config

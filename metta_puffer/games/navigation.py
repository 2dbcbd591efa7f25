"""Navigation: find the altars among obstacles and take their hearts. One resource, one kind of converter.

A task that needs moving about and remembering only. Terrain styles are those of the published package's
`varied_terrain` scene, which Metta's navigation curriculum (env/curriculum/navigation/bucketed.yaml) is named after.
"""

from typing import Literal

from mettagrid.config.game_value import InventoryValue
from mettagrid.config.mettagrid_config import (
    ActionsConfig,
    AgentConfig,
    ChangeVibeActionConfig,
    GameConfig,
    InventoryConfig,
    MettaGridConfig,
    ResourceLimitsConfig,
    WallConfig,
)
from mettagrid.config.obs_config import ObsConfig
from mettagrid.config.render_config import RenderConfig
from mettagrid.config.reward_config import reward
from mettagrid.mapgen.mapgen import MapGenConfig
from mettagrid.mapgen.scenes.varied_terrain import VariedTerrainConfig
from pydantic import Field

from metta_puffer.games.converters import COOLDOWN, MAX_AMOUNT, Converter, converter_object, tick_handler
from metta_puffer.games.options import GameOptions

DEFAULT_AGENTS = 4
MAX_AGENTS = 24
BORDER_WIDTH = 6


class NavigationOptions(GameOptions):
    style: Literal["all-sparse", "balanced", "dense", "maze"] = "balanced"
    room_size: int = Field(default=40, ge=15, le=100)  # side in cells
    altars: int = Field(default=10, ge=1, le=60)  # besides those that labyrinths hide
    altar_cooldown: int = Field(default=255, ge=1, le=MAX_AMOUNT)  # env steps from heart to heart
    heart_reward: float = 1.0
    max_steps: int = Field(default=1000, ge=1)
    window: Literal[3, 5, 7, 9, 11, 13] = 11  # side of what an agent sees, in cells
    num_tokens: int = Field(default=200, ge=8)


def make_navigation(num_agents: int, options: NavigationOptions) -> MettaGridConfig:
    """One room for all agents. Altars have a heart from the end of the first env step, and hold one at most."""
    limits = {"heart": MAX_AMOUNT}
    altar = Converter("altar", outputs={"heart": 1}, max_output=1, cooldown=options.altar_cooldown - 1)
    altar_config = converter_object(altar, limits, initial_amount=0)
    return MettaGridConfig(
        label=f"navigation.{options.style}",
        desync_episodes=False,
        game=GameConfig(
            resource_names=["heart", COOLDOWN],
            num_agents=num_agents,
            max_steps=options.max_steps,
            obs=ObsConfig(width=options.window, height=options.window, num_tokens=options.num_tokens),
            protocol_details_obs=False,
            agent=AgentConfig(
                rewards={"heart": reward(InventoryValue(item="heart"), weight=options.heart_reward)},
                inventory=InventoryConfig(
                    limits={"heart": ResourceLimitsConfig(base=MAX_AMOUNT, max=MAX_AMOUNT, resources=["heart"])}
                ),
            ),
            actions=ActionsConfig(change_vibe=ChangeVibeActionConfig(enabled=False, vibes=[])),
            # The scene puts objects that it calls hubs at the end of its labyrinths.
            objects={
                "wall": WallConfig(),
                "altar": altar_config,
                "hub": altar_config.model_copy(update={"map_name": "hub"}, deep=True),
            },
            on_tick=tick_handler([altar]),
            map_builder=MapGenConfig(
                width=options.room_size,
                height=options.room_size,
                border_width=BORDER_WIDTH,
                instance=VariedTerrainConfig(agents=num_agents, objects={"altar": options.altars}, style=options.style),
                seed=0,
            ),
            render=RenderConfig(symbols={"agent": "🤖", "wall": "⬛", "altar": "💗"}),
        ),
    )

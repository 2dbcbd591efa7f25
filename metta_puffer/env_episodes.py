"""What one finished episode tells: flat numbers under the names that PufferLib's dashboard and sweeps use."""

from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer.engine import EndedEpisode


def expected_agent_stats(config: MettaGridConfig) -> tuple[str, ...]:
    """Agent stats that are reported as 0 when nothing counted them.

    The engine creates a stat when it first counts; without this list an average over episodes would leave out the
    episodes in which nothing happened.
    """
    resources = tuple(f"{name}.{what}" for name in config.game.resource_names for what in ("amount", "gained", "lost"))
    handlers = ["noop", "move", *(["change_vibe"] if config.game.actions.change_vibe.enabled else [])]
    actions = tuple(f"action.{name}.{outcome}" for name in handlers for outcome in ("success", "failed"))
    return (*resources, *actions, "action.failed")


def episode_info(episode: EndedEpisode, expected: tuple[str, ...]) -> dict[str, float]:
    """`agent/<stat>`: mean over all agents; `game/<stat>`; `episode_return` and `agent/avg_reward_per_agent`: mean
    over agents of the reward summed over the episode; `episode_length`: env steps.

    Cells named after one agent (`objects.agent.red.7`) are left out: they are 1 in every episode.
    """
    agents = len(episode.rewards)
    sums = dict.fromkeys(expected, 0.0) | episode.agent_stat_sums
    episode_return = float(episode.rewards.mean())
    info = {f"agent/{name}": value / agents for name, value in sums.items()}
    info |= {
        f"game/{name}": float(value)
        for name, value in episode.game_stats.items()
        if not name.startswith("objects.agent.")
    }
    info["agent/avg_reward_per_agent"] = episode_return
    info["episode_return"] = episode_return
    info["episode_length"] = float(episode.env_steps)
    return info

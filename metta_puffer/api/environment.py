"""Worlds to be acted in, group after group."""

from typing import Any, Literal

from metta_puffer.config import arithmetic
from metta_puffer.config.plan import EnvPlan
from metta_puffer.errors import UserError
from metta_puffer.native.worlds import metta_env, open_worlds


class Environment:
    """`num_envs` worlds of `num_agents` agents each, in `async_factor` groups that step while the others are acted in.

    `num_agents` of the object counts the agents of all worlds. `width` and `height` are the sides of a world's one
    room in cells (None: the game's own rooms). Worlds are stepped on the CPU by `num_workers` threads, whatever
    `device`, which is only handed on to the Agent. Further options are the game's (`metta_puffer.games`).

    Raises UserError for a room that is not square, a curriculum, and options that the game does not have.
    """

    def __init__(
        self,
        curriculum_path: str | None = None,
        num_agents: int = 4,
        width: int | None = None,
        height: int | None = None,
        device: str = "cpu",
        *,
        game: str = "arena",
        num_envs: int = 1,
        async_factor: int = 1,
        num_workers: int = 1,
        engine: Literal["native", "published"] = "native",
        seed: int = 0,
        **game_options: Any,
    ) -> None:
        if curriculum_path is not None:
            raise UserError(
                "worlds are games with options here, not curricula",
                key="curriculum_path",
                value=curriculum_path,
                remedy='name a game, as in Environment(game="navigation", style="dense")',
            )
        if width != height:
            raise UserError("rooms are square", key="height", value=height, remedy=f"give both the same, as {width}")
        if num_envs % async_factor:
            raise UserError(
                f"{num_envs} worlds are not shared evenly by {async_factor} groups",
                key="async_factor",
                value=async_factor,
                remedy="choose a divisor of num_envs",
            )
        if width is not None:
            game_options["room_size"] = width
            if game == "arena":
                game_options.setdefault("agents_per_instance", num_agents)
        self.device = device
        self.plan = EnvPlan(
            game=game,
            game_options=game_options,
            engine=engine,
            agents_per_env=num_agents,
            envs=num_envs,
            workers=num_workers,
            envs_per_forward=num_envs // async_factor,
            backend="Groups",
            seed=seed,
        )
        self.worlds = open_worlds(self.plan, metta_env)
        self.worlds.reset()
        self.driver_env = self.worlds.driver_env
        self.single_observation_space = self.driver_env.single_observation_space
        self.single_action_space = self.driver_env.single_action_space
        self.num_agents = arithmetic.total_agents(num_envs, num_agents)

    def close(self) -> None:
        self.worlds.close()

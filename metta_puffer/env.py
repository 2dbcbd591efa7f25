"""MettaPufferEnv: worlds of one game as a PufferLib-native environment."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete
from mettagrid.config.mettagrid_config import MettaGridConfig
from pufferlib import PufferEnv

from metta_puffer.engine import WorldBatch, WorldBuffers, WorldError, open_batch
from metta_puffer.engines import DEFAULT_ENGINE, EngineName
from metta_puffer.env_actions import ActionCodec
from metta_puffer.env_episodes import episode_info, expected_agent_stats
from metta_puffer.env_seeds import DerivedSeeds, EpisodeSeeds, FixedSeeds, SeedRule
from metta_puffer.errors import UserError, did_you_mean
from metta_puffer.games import game_options as options_of
from metta_puffer.games import make_game
from metta_puffer.games.options import check_whole_number

if TYPE_CHECKING:
    from metta_puffer.env_supervisor import Supervisor

Autoreset = Literal["same_step", "upstream"]
RENDER_MODES = (None, "auto", "ansi")


class MettaPufferEnv(PufferEnv):
    """`num_worlds` worlds of `num_agents` agents each; row `world * num_agents + agent` of every buffer is one agent.

    game: a name from `metta_puffer.games.list_games()`, or a MettaGridConfig, which is left unchanged.
    num_agents: agents a world (None: the game's own number). The attribute `num_agents` counts all worlds' agents.
    engine: "native" or "published". num_threads: threads that step the worlds (native only).
    seed: 0 or more; PufferLib makes the seeds of later envs out of the first by counting and multiplying.
    buf: PufferLib's buffers; None makes them. Worlds write into them directly.
    game_options: the game's own options, and

    * desync_episodes (False): end the first episode of each world at a random env step, so that worlds do not finish
      together. That episode is not reported in `info`.
    * episode_seeds ("derived"): every episode has its own seeds. "fixed" is upstream's rule.
    * autoreset ("same_step"): the step that ends an episode returns its rewards and flags together with the first
      observation of the next episode. "upstream" returns the ended episode's last observation; the next step builds
      the new world and applies its actions there, so the first observation is never seen.
    * first_world (0): this object runs the worlds from this number on of a larger set that several objects share out,
      so that all get the seeds which one object of all worlds would give them. Both kinds of seed count on with it:
      the object that runs world 8 of the set with seed 3 is made with seed 11 and reset with its reset seed plus 8.
    * num_groups (1): groups of neighbouring worlds, equally large, that `step_async` and `wait` step one by one (native
      only).
    * map_pool (0): how many maps the episodes share; 0 gives every episode a fresh map. The native engine makes maps of
      randomly scattered objects in no time worth counting; those of other builders (6 to 28 ms a map) are built one
      episode ahead in a thread beside it, and a game whose episodes are short against that is faster with a pool.
    * supervisor (None): a scripted mettagrid policy, by name or class path, that writes into PufferLib's
      `teacher_actions` what it would do; `gives_teacher_actions` says whether there is one. It acts on nothing.

    observations uint8 [agents, tokens, 3]; rewards float32, terminals and truncations bool [agents]; actions int32
    [agents]: noop, then the moves in the game's order. In games with vibes `single_transport_action_space` also takes
    `P + primary * V + vibe` (P primary actions, V vibes).

    `step` and `reset` return `info` as a list with one flat dict for each episode that ended (`episode_info`).

    The buffers are the engine's to write and the caller's to read: a step writes only what it changes, so what a caller
    writes into observations, rewards or flags may stay there.

    Raises UserError for options that are unknown or do not fit, UnsupportedGame from the native engine. A call that is
    refused (while a group is stepping, or for its arguments) has changed nothing.
    """

    def __init__(  # noqa: PLR0917 (the order of its arguments is a contract)
        self,
        game: str | MettaGridConfig = "arena",
        num_agents: int | None = None,
        num_worlds: int = 1,
        engine: EngineName = DEFAULT_ENGINE,
        num_threads: int = 1,
        seed: int = 0,
        buf: Mapping[str, npt.NDArray[Any]] | None = None,
        render_mode: str | None = None,
        *,
        desync_episodes: bool = False,
        episode_seeds: EpisodeSeeds = "derived",
        autoreset: Autoreset = "same_step",
        map_pool: int = 0,
        first_world: int = 0,
        num_groups: int = 1,
        supervisor: str | None = None,
        **game_options: Any,
    ) -> None:
        _check_choice("episode_seeds", episode_seeds, get_args(EpisodeSeeds))
        _check_choice("autoreset", autoreset, get_args(Autoreset))
        _check_choice("render_mode", render_mode, RENDER_MODES)
        _check_choice("desync_episodes", desync_episodes, (False, True))
        check_whole_number("num_worlds", num_worlds, 1)
        check_whole_number("num_threads", num_threads, 1)
        check_whole_number("first_world", first_world, 0)
        check_whole_number("seed", seed, first_world)
        check_whole_number("map_pool", map_pool, 0)
        check_whole_number("num_groups", num_groups, 1)
        if num_worlds % num_groups:
            raise UserError(
                f"{num_worlds} worlds cannot be shared evenly",
                key="num_groups",
                value=num_groups,
                remedy="use a divisor of num_worlds",
            )
        self.config = _make_config(game, num_agents, game_options)
        self.render_mode = "ansi"
        self.num_worlds = num_worlds
        self.agents_per_world = self.config.game.num_agents
        self.num_agents = num_worlds * self.agents_per_world
        self.num_groups, self._worlds_per_group = num_groups, num_worlds // num_groups
        obs = self.config.game.obs
        self.single_observation_space = Box(0, 255, (obs.num_tokens, 3), np.uint8)
        self._codec = ActionCodec(self.config)
        self.single_action_space = Discrete(self._codec.primary)
        if self._codec.vibes:
            self.single_transport_action_space = self._codec.space
        super().__init__(buf=buf)

        self._first_world = first_world
        self._expected_stats = expected_agent_stats(self.config)
        self._seeds: SeedRule
        if episode_seeds == "derived":
            self._seeds = DerivedSeeds(seed, num_worlds, first_world)
        else:
            self._seeds = FixedSeeds(seed, num_worlds, getattr(self.config.game.map_builder, "seed", None) or 0)
        self._same_step = autoreset == "same_step"
        self.gives_teacher_actions = supervisor is not None
        self._supervisor: Supervisor | None = None
        if supervisor is not None:
            self._supervisor = _make_supervisor(supervisor, self.config, num_worlds)
        self._desync_ends = _desync_ends(desync_episodes, self.config, seed - first_world, first_world + num_worlds)[
            first_world:
        ]
        self._ended: list[int] = []  # worlds that the previous step ended and that have no next episode yet
        self._untold: list[dict[str, float]] = []  # infos of a step that raised
        self._begun = False
        self._batch: WorldBatch = open_batch(
            self.config,
            num_worlds,
            self._world_buffers(),
            engine,
            num_threads,
            map_pool=map_pool,
            num_groups=num_groups,
        )

    def _world_buffers(self) -> WorldBuffers:
        self._vibe_actions = np.zeros(self.num_agents, dtype=np.int32)
        self._engine_actions = self.actions
        # Vibes travel in the same number as the move, so that the engine cannot read it where it arrives.
        if self._codec.vibes or self.actions.dtype != np.int32:
            self._engine_actions = np.zeros(self.num_agents, dtype=np.int32)
        return WorldBuffers(
            observations=self.observations,
            rewards=self.rewards,
            terminals=self.terminals,
            truncations=self.truncations,
            actions=self._engine_actions,
            vibe_actions=self._vibe_actions,
        )

    def reset(self, seed: int | None = None) -> tuple[npt.NDArray[np.uint8], list[dict[str, float]]]:
        """Begins a new episode in every world; `seed` restarts the sequence of episodes. `info` is empty.

        Raises ValueError while a group is stepping.
        """
        if seed is not None:
            check_whole_number("seed", seed, self._first_world)
        self._batch.require_idle()
        if seed is not None:
            self._seeds.reseed(seed)
        self._ended.clear()
        self._untold.clear()
        for world in range(self.num_worlds):
            self._begin_episode(world)
            if self._desync_ends[world]:
                self._batch.end_early(world, int(self._desync_ends[world]))
        self._batch.take_ended()
        self._advise(range(self.num_worlds))
        self._begun = True
        return self.observations, []

    def begin_episode(self, world: int, episode: int) -> None:
        """Ends what `world` is doing and begins its episode number `episode` (0 is the first after `reset`).

        Episodes are numbered whether or not they were played, so a run can be taken up again in the middle of one:
        begin it and repeat the actions. The episode runs to its natural end.

        Raises RuntimeError before `reset`, ValueError while the world's group is stepping and UserError for a world or
        an episode that there is not.
        """
        if not self._begun:
            raise RuntimeError("call reset() before begin_episode()")
        self._check_world(world)
        check_whole_number("episode", episode, 0)
        self._batch.require_idle(world // self._worlds_per_group)
        if world in self._ended:  # the next step would leave the ended episode for the one after this
            self._ended.remove(world)
        self._seeds.seek(world, episode)
        self._begin_episode(world)
        self._advise(range(world, world + 1))

    def step(
        self, actions: npt.ArrayLike
    ) -> tuple[
        npt.NDArray[np.uint8],
        npt.NDArray[np.float32],
        npt.NDArray[np.bool_],
        npt.NDArray[np.bool_],
        list[dict[str, float]],
    ]:
        """One env step of every world. `actions` [agents]. The returned arrays are the buffers.

        Raises RuntimeError before `reset`, ValueError or TypeError for actions that are not the game's, ValueError
        while a group is stepping. WorldError names worlds that stopped at an error (`error.worlds`): the others have
        taken the step, the next call gives their `info`, and `begin_episode` revives those that stopped.
        """
        if not self._begun:
            raise RuntimeError("call reset() before step()")
        try:
            told = self._step_after_ended(actions) if self._ended else self._batch.act(actions, self._codec)
        except WorldError:
            self._untold = self._turn_over()
            raise
        # Most steps leave nothing to see to, and of one world's step every call is a few percent.
        info = self._turn_over() if told or self._untold or self._supervisor else []
        return self.observations, self.rewards, self.terminals, self.truncations, info

    def group_rows(self, group: int) -> slice:
        """The rows of a group's agents in every buffer."""
        self._check_group(group)
        rows = self.num_agents // self.num_groups
        return slice(group * rows, (group + 1) * rows)

    def step_async(self, actions: npt.ArrayLike, group: int) -> None:
        """Begins one env step of a group's worlds, which the engine's threads take, and returns.

        `actions` [agents of the group]. The group's rows belong to the engine until `wait`; other groups may be begun
        and waited for meanwhile, `step` and `reset` may not. Raises RuntimeError before `reset`, ValueError where the
        group is stepping already, UserError for no group and as `step` for the actions.
        """
        if not self._begun:
            raise RuntimeError("call reset() before step_async()")
        rows = self.group_rows(group)
        self._batch.require_idle(group)
        self._codec.decode(actions, self._engine_actions[rows], self._vibe_actions[rows])
        if self._ended:
            self._begin_after_ended(self._worlds_of(group))
        self._batch.step_async(group)

    def wait(self, group: int) -> list[dict[str, float]]:
        """Returns when the group has taken its env step, which then stands in its rows; gives `info` as `step`.

        Raises WorldError as `step` and ValueError where the group is not stepping.
        """
        self._check_group(group)
        try:
            self._batch.wait(group)
        except WorldError:
            self._untold = self._turn_over(group)
            raise
        return self._turn_over(group)

    def _check_group(self, group: int) -> None:
        check_whole_number("group", group, 0, self.num_groups - 1)

    def _check_world(self, world: int) -> None:
        check_whole_number("world", world, 0, self.num_worlds - 1)

    def _step_after_ended(self, actions: npt.ArrayLike) -> bool:
        """As `WorldBatch.act`, but episodes begin once the actions are known to be the game's."""
        self._batch.require_idle()
        self._codec.decode(actions, self._engine_actions, self._vibe_actions)
        self._begin_after_ended(range(self.num_worlds))
        self._batch.step()
        return True

    def _begin_after_ended(self, worlds: range) -> None:
        """Upstream's rule: the new episode's first step takes the actions sent after the old one's end."""
        for world in [world for world in self._ended if world in worlds]:
            self._begin_episode(world)
            self._ended.remove(world)

    def _turn_over(self, group: int | None = None) -> list[dict[str, float]]:
        """Reports the episodes that the last step of a group, or of all, ended, and arranges what follows them."""
        info, self._untold = self._untold, []
        for ended in self._batch.take_ended(group):
            if not ended.early_end_set:
                info.append(episode_info(ended, self._expected_stats))
            if self._same_step:  # the batch has begun the next episode already
                self._seeds.advance(ended.world)
                self._batch.set_next_episode(ended.world, *self._seeds.upcoming(ended.world))
                if self._supervisor:
                    self._supervisor.begin(ended.world)
            else:
                self._ended.append(ended.world)
        if self._supervisor:
            self._advise(self._worlds_of(group))
        return info

    def _worlds_of(self, group: int | None) -> range:
        if group is None:
            return range(self.num_worlds)
        return range(group * self._worlds_per_group, (group + 1) * self._worlds_per_group)

    def _advise(self, worlds: range) -> None:
        if self._supervisor:
            self._supervisor.advise(worlds, self.observations, self.teacher_actions)

    def _begin_episode(self, world: int) -> None:
        self._batch.begin_episode(world, *self._seeds.next(world))
        if self._same_step:
            self._batch.set_next_episode(world, *self._seeds.upcoming(world))
        if self._supervisor:
            self._supervisor.begin(world)

    def render(self, world: int = 0) -> str:
        """The world's map as text, one symbol a cell. UserError for a world that there is not."""
        self._check_world(world)
        from metta_puffer.env_render import render_text

        return render_text(self.config, self._batch.grid_objects(world))

    def close(self) -> None:
        self._batch.close()
        self._begun = False


def _make_config(game: str | MettaGridConfig, num_agents: int | None, options: dict[str, Any]) -> MettaGridConfig:
    own = ("desync_episodes", "episode_seeds", "autoreset", "map_pool", "first_world", "num_groups", "supervisor")
    known = options_of(game) if isinstance(game, str) else {}
    for name, value in options.items():
        if name not in known:
            all_known = [*known, *own, "num_agents", "num_worlds", "engine", "num_threads", "seed", "render_mode"]
            raise UserError(
                f"the environment has no such option.{did_you_mean(name, all_known)}",
                key=name,
                value=value,
                remedy=f"use one of {', '.join(all_known)}",
            )
    if isinstance(game, str):
        return make_game(game, num_agents, **options)
    if not isinstance(game, MettaGridConfig):
        raise UserError(
            f"a {type(game).__name__} is no game",
            key="game",
            value=game,
            remedy="give the name of a game or a MettaGridConfig",
        )
    if num_agents not in (None, game.game.num_agents):
        raise UserError(
            f"the given config has {game.game.num_agents} agents",
            key="num_agents",
            value=num_agents,
            remedy="leave num_agents out, or change the config",
        )
    return game.model_copy(deep=True)


def _make_supervisor(name: str, config: MettaGridConfig, num_worlds: int) -> "Supervisor":
    from metta_puffer.env_supervisor import Supervisor

    return Supervisor(name, config, num_worlds)


def _desync_ends(wanted: bool, config: MettaGridConfig, seed: int, worlds: int) -> npt.NDArray[np.int64]:
    if not wanted:
        return np.zeros(worlds, dtype=np.int64)
    if config.game.max_steps == 0:
        raise UserError(
            "episodes without an end cannot be put out of step",
            key="desync_episodes",
            value=wanted,
            remedy="set max_steps of the game",
        )
    return np.random.default_rng(seed).integers(1, config.game.max_steps + 1, size=worlds)


def _check_choice(name: str, value: object, known: tuple[Any, ...]) -> None:
    if value not in known:
        hint = did_you_mean(str(value), [str(one) for one in known])
        raise UserError(
            f"there is no such choice.{hint}",
            key=name,
            value=value,
            remedy=f"use one of {', '.join(repr(one) for one in known)}",
        )

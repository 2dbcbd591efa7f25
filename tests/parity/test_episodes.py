"""MettaPufferEnv on the native engine over several episodes in a row.

With `episode_seeds="fixed"` and `autoreset="upstream"` it is compared with upstream's own PufferLib environment, step
by step. In its default mode every episode is compared with a published world of its own.
"""

import string
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.envs.mettagrid_puffer_env import MettaGridPufferEnv
from mettagrid.map_builder.ascii import AsciiMapBuilder
from mettagrid.simulator import Simulator

from metta_puffer import MettaPufferEnv
from metta_puffer.engine import open_world
from metta_puffer.engine.maps import build_grid
from metta_puffer.env_seeds import DerivedSeeds
from metta_puffer.games import make_game
from tests.parity.lockstep import Progress
from tests.parity.processes import Oracle
from tests.parity.zoo import WORLDS

MAX_STEPS = 17
EPISODES = 4
ZOO = [
    "actions.crowd",
    "actions.ending_on_game_stats",
    "aoe.presence",
    "aoe.mobile",
    "events.limited_targets",
    "handlers.uses_of_uses",
    "inventory.modifiers",
    "lifecycle.nested_removal",
    "mutations.removed_agent_goes_on",
    "mutations_grid.spawned_agent",
    "observations.line_of_sight",
    "queries.random_order",
    "queries.materialized",
    "rewards.differences",
    "territory.flipping_and_removal",
    "ticks.phases",
]


def zoo_config(name: str) -> MettaGridConfig:
    """A zoo world whose map comes from its map builder, as an environment's has to."""
    case = WORLDS[name]()
    assert case.grid is not None
    config = case.config.model_copy(deep=True)
    letters = dict(zip(dict.fromkeys(cell for row in case.grid for cell in row), string.ascii_letters, strict=False))
    names = {letter: "empty" if cell == "." else cell for cell, letter in letters.items()}
    rows = [[letters[cell] for cell in row] for row in case.grid]
    config.game.map_builder = AsciiMapBuilder.Config(map_data=rows, char_to_map_name=names)
    return config


GAMES: dict[str, Callable[[], MettaGridConfig]] = {
    "arena of 3": lambda: make_game("arena", 3),
    "arena of 24": lambda: make_game("arena", 24),
    "navigation of 2": lambda: make_game("navigation", 2),
} | {f"zoo {name}": lambda name=name: zoo_config(name) for name in ZOO}
EVERY_GAME = [pytest.param(game, marks=pytest.mark.long if "24" in game else ()) for game in GAMES]


def game_config(game: str) -> MettaGridConfig:
    config = GAMES[game]()
    config.game.max_steps = MAX_STEPS
    return config


def random_actions(env: MettaPufferEnv, seed: int) -> npt.NDArray[np.int32]:
    """Moves mostly, now and then one with a vibe."""
    rng = np.random.default_rng(seed)
    shape = (EPISODES * MAX_STEPS + 5, env.num_agents)
    space = getattr(env, "single_transport_action_space", env.single_action_space)
    moves, anything = rng.integers(0, env.single_action_space.n, shape), rng.integers(0, space.n, shape)
    return np.where(rng.random(shape) < 0.15, anything, moves).astype(np.int32)


def first_difference(got: dict[str, Any], expected: dict[str, Any]) -> str:
    for name, array in expected.items():
        if isinstance(array, np.ndarray):
            if array.tobytes() != got[name].tobytes():
                return name
        elif got[name] != array:
            return name
    return ""


def beside_upstream(game: str, progress: Progress) -> tuple[str, int]:
    """('' or where they differ, episodes that ended)."""
    config = game_config(game)
    upstream = MettaGridPufferEnv(Simulator(), config.model_copy(deep=True), seed=13)
    env = MettaPufferEnv(config, seed=13, episode_seeds="fixed", autoreset="upstream")
    upstream.reset()
    env.reset()
    ended = 0
    for env_step, actions in enumerate([None, *random_actions(env, 1)]):
        progress(f"env step {env_step}")
        if actions is not None:
            upstream.step(actions)
            env.step(actions)
        simulation = upstream.current_simulation
        expected = {name: getattr(upstream, name) for name in ("observations", "rewards", "terminals", "truncations")}
        got = {name: getattr(env, name) for name in expected}
        expected["episode_stats"], got["episode_stats"] = simulation.episode_stats, env._batch.episode_stats(0)
        expected["episode_rewards"] = simulation.episode_rewards
        got["episode_rewards"] = env._batch.episode_rewards(0)
        if different := first_difference(got, expected):
            return f"{different} at env step {env_step}", ended
        ended += bool(upstream.terminals.all() or upstream.truncations.all())
    return "", ended


@pytest.mark.parametrize("game", EVERY_GAME)
def test_upstreams_episodes_in_a_row(oracle: Oracle, game: str) -> None:
    different, ended = oracle.call(beside_upstream, game)
    assert different == ""
    assert ended >= 3


def beside_published_worlds(game: str, progress: Progress) -> tuple[str, list[int]]:
    """('' or where they differ, episodes that each world ended). Two worlds, reset with a seed."""
    config = game_config(game)
    worlds, seed, reset_seed = 2, 21, 5
    env = MettaPufferEnv(config, num_worlds=worlds, num_threads=2, seed=seed)
    seeds = DerivedSeeds(seed, worlds)
    seeds.reseed(reset_seed)
    used: list[tuple[int, int]] = []

    def open_next(world: int) -> Any:
        engine_seed, map_seed = seeds.next(world)
        used.append((engine_seed, map_seed))
        return open_world(env.config, build_grid(env.config, map_seed), engine_seed, "published")

    judges = [open_next(world) for world in range(worlds)]
    env.reset(seed=reset_seed)
    ended = [0] * worlds
    for env_step, actions in enumerate(random_actions(env, 2), start=1):
        progress(f"env step {env_step}")
        *_, infos = env.step(actions)
        ends = 0
        for world in range(worlds):
            rows = slice(world * env.agents_per_world, (world + 1) * env.agents_per_world)
            judge = judges[world]
            primary, vibes = np.zeros((2, env.agents_per_world), dtype=np.int32)
            env._codec.decode(actions[rows], primary, vibes)
            judge.step(primary, vibes)
            expected = {name: getattr(judge, name) for name in ("rewards", "terminals", "truncations")}
            if judge.terminals.all() or judge.truncations.all():
                ended[world] += 1
                ends += 1
                judge = judges[world] = open_next(world)
            expected["observations"] = judge.observations  # of the next episode, together with the flags of the last
            got = {name: getattr(env, name)[rows] for name in expected}
            if different := first_difference(got, expected):
                return f"{different} of world {world} at env step {env_step}", ended
        if len(infos) != ends:
            return f"{len(infos)} infos for {ends} episodes at env step {env_step}", ended
    if len({engine for engine, _ in used}) < len(used) or len({map_seed for _, map_seed in used}) < len(used):
        return "two episodes share a seed", ended
    return "", ended


@pytest.mark.parametrize("game", EVERY_GAME)
def test_every_episode_is_a_published_world_of_its_own(oracle: Oracle, game: str) -> None:
    different, ended = oracle.call(beside_published_worlds, game)
    assert different == ""
    assert min(ended) >= 3

"""MettaPufferEnv against single worlds and against upstream's own PufferLib environment."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from mettagrid.config.action_config import ChangeVibeActionConfig
from mettagrid.envs.mettagrid_puffer_env import MettaGridPufferEnv
from mettagrid.simulator import Simulator

from metta_puffer import MettaPufferEnv
from metta_puffer.engine import open_world
from metta_puffer.engine.maps import build_grid
from metta_puffer.env_seeds import DerivedSeeds
from metta_puffer.errors import UserError
from metta_puffer.games import make_game

both_engines = pytest.mark.parametrize("engine", ["native", "published"])


def small(**options: Any) -> MettaPufferEnv:
    return MettaPufferEnv("arena", num_agents=3, **{"max_steps": 15, **options})


def random_actions(env: MettaPufferEnv, env_steps: int, seed: int = 0) -> npt.NDArray[np.int32]:
    return np.random.default_rng(seed).integers(0, 5, (env_steps, env.num_agents)).astype(np.int32)


@both_engines
def test_shapes_and_spaces(engine: Any) -> None:
    env = small(engine=engine, num_worlds=2)
    observations, info = env.reset(seed=1)
    assert env.num_agents == 6
    assert observations.shape == (6, 200, 3) and observations.dtype == np.uint8
    assert env.rewards.dtype == np.float32
    assert env.terminals.dtype == env.truncations.dtype == np.bool_
    assert env.single_action_space.n == 5
    assert not hasattr(env, "single_transport_action_space")
    assert env.action_space.shape == (6,)
    assert info == []


@both_engines
def test_buffers_are_used_in_place(engine: Any) -> None:
    rows = 6
    buf = {
        "observations": np.zeros((2 * rows, 200, 3), dtype=np.uint8)[rows:],
        "rewards": np.zeros(2 * rows, dtype=np.float32)[rows:],
        "terminals": np.zeros(2 * rows, dtype=np.bool_)[rows:],
        "truncations": np.zeros(2 * rows, dtype=np.bool_)[rows:],
        "teacher_actions": np.zeros(2 * rows, dtype=np.int32)[rows:],
        "masks": np.ones(2 * rows, dtype=np.bool_)[rows:],
        "actions": np.zeros(2 * rows, dtype=np.int32)[rows:],
    }
    given, own = small(engine=engine, num_worlds=2, buf=buf), small(engine=engine, num_worlds=2)
    given.reset(seed=3)
    own.reset(seed=3)
    for actions in random_actions(own, 40):
        buf["actions"][:] = actions
        results = given.step(buf["actions"])
        own.step(actions.astype(np.int64))
        for result, name in zip(results, ["observations", "rewards", "terminals", "truncations"], strict=False):
            assert result is buf[name]
            np.testing.assert_array_equal(buf[name], getattr(own, name))
    assert buf["observations"].base is not None and not buf["observations"].base[:rows].any()


@both_engines
def test_episodes_turn_over_within_the_step_that_ends_them(engine: Any) -> None:
    worlds, agents, seed, reset_seed = 2, 3, 9, 4
    env = small(engine=engine, num_worlds=worlds, seed=seed)
    seeds = DerivedSeeds(seed, worlds)
    seeds.reseed(reset_seed)

    def open_next(world: int) -> Any:
        engine_seed, map_seed = seeds.next(world)
        return open_world(env.config, build_grid(env.config, map_seed), engine_seed, engine)

    references = [open_next(world) for world in range(worlds)]
    totals = np.zeros((worlds, agents), dtype=np.float32)
    env.reset(seed=reset_seed)
    for env_step, actions in enumerate(random_actions(env, 50), start=1):
        *_, infos = env.step(actions)
        ends = env_step % 15 == 0
        assert len(infos) == worlds * ends
        for world in range(worlds):
            rows = slice(world * agents, (world + 1) * agents)
            references[world].step(actions[rows])
            totals[world] += references[world].rewards
            np.testing.assert_array_equal(env.rewards[rows], references[world].rewards)
            np.testing.assert_array_equal(env.terminals[rows], references[world].terminals)
            assert env.terminals[rows].all() == ends
            if ends:
                stats = references[world].episode_stats()["agent"]
                moved = sum(agent.get("action.move.success", 0.0) for agent in stats) / agents
                assert infos[world]["agent/action.move.success"] == pytest.approx(moved)
                assert infos[world]["episode_return"] == pytest.approx(float(totals[world].mean()))
                assert infos[world]["episode_length"] == 15
                references[world] = open_next(world)
                totals[world] = 0
            np.testing.assert_array_equal(env.observations[rows], references[world].observations)


def test_no_two_episodes_share_their_seeds() -> None:
    """Not even where PufferLib resets the envs of two workers with overlapping seeds."""
    pairs = []
    for seed, reset_seed in [(0, None), (0, 7), (1, 7), (1, 8), (2, 8)]:
        rule = DerivedSeeds(seed, worlds=3)
        if reset_seed is not None:
            rule.reseed(reset_seed)
        pairs += [rule.next(world) for _ in range(200) for world in range(3)]
    assert len(set(pairs)) == len(pairs)
    assert len({engine for engine, _ in pairs}) == len({map_seed for _, map_seed in pairs}) == len(pairs)


@both_engines
def test_same_seed_same_episodes_and_reset_goes_on_to_new_ones(engine: Any) -> None:
    def record(env: MettaPufferEnv, reset_seed: int | None) -> list[bytes]:
        env.reset(seed=reset_seed)
        seen = [env.observations.tobytes()]
        for actions in random_actions(env, 35):
            env.step(actions)
            seen.append(env.observations.tobytes() + env.rewards.tobytes())
        return seen

    env = small(engine=engine, seed=5)
    first, second = record(env, None), record(env, None)
    assert first == record(small(engine=engine, seed=5), None)
    assert first[0] != second[0]
    assert first[0] != record(small(engine=engine, seed=6), None)[0]
    assert record(env, 3) == record(env, 3) != record(env, 4)


@both_engines
def test_upstreams_rules_by_option(engine: Any) -> None:
    """Fixed seeds and upstream's autoreset reproduce upstream's environment bit by bit."""
    config = make_game("arena", 4, max_steps=12)
    config.game.map_builder.seed = 21
    upstream = MettaGridPufferEnv(Simulator(), config.model_copy(deep=True), seed=13)
    env = MettaPufferEnv(config, seed=13, engine=engine, episode_seeds="fixed", autoreset="upstream")
    upstream.reset()
    env.reset()
    for actions in random_actions(env, 40, seed=2):
        upstream.step(actions)
        env.step(actions)
        for name in ("observations", "rewards", "terminals", "truncations"):
            np.testing.assert_array_equal(getattr(env, name), getattr(upstream, name), err_msg=name)


@both_engines
def test_vibes_travel_with_the_move_as_upstream_encodes_them(engine: Any) -> None:
    config = make_game("arena", 2)
    config.game.actions.change_vibe = ChangeVibeActionConfig(vibes=ChangeVibeActionConfig().vibes[:4])
    config.game.map_builder.seed = 3
    upstream = MettaGridPufferEnv(Simulator(), config.model_copy(deep=True), seed=1)
    env = MettaPufferEnv(config, seed=1, engine=engine, episode_seeds="fixed")
    assert env.single_action_space.n == 5
    assert env.single_transport_action_space == upstream.single_transport_action_space
    upstream.reset()
    env.reset()
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.integers(0, 5 * (4 + 1), 2).astype(np.int32)
        np.testing.assert_array_equal(env.step(actions)[0], upstream.step(actions)[0])


@pytest.mark.parametrize("action", [-1, 5, 2**31 - 1])
@both_engines
def test_actions_outside_the_space_are_refused(action: int, engine: Any) -> None:
    env = small(engine=engine)
    env.reset()
    with pytest.raises(ValueError, match="0 to 4"):
        env.step(np.array([0, action, 1], dtype=np.int32))
    config = make_game("arena", 1)
    config.game.actions.change_vibe = ChangeVibeActionConfig(vibes=ChangeVibeActionConfig().vibes[:2])
    env = MettaPufferEnv(config, engine=engine)
    env.reset()
    with pytest.raises(ValueError, match="0 to 14"):
        env.step(np.array([action if action != 5 else 15], dtype=np.int32))


@both_engines
def test_desync_cuts_the_first_episode_only_and_does_not_report_it(engine: Any) -> None:
    env = small(engine=engine, num_worlds=8, desync_episodes=True)
    env.reset()
    ends: list[list[int]] = [[] for _ in range(8)]
    reported = []
    for env_step, actions in enumerate(random_actions(env, 45), start=1):
        *_, infos = env.step(actions)
        reported += infos
        for world in range(8):
            rows = slice(3 * world, 3 * world + 3)
            if (env.terminals | env.truncations)[rows].all():
                ends[world].append(env_step)
                assert env.truncations[rows].all() == (len(ends[world]) == 1 and env_step % 15 != 0)
    assert len({world[0] for world in ends}) > 3
    assert all(1 <= world[0] <= 15 and np.diff(world).tolist() == [15] * (len(world) - 1) for world in ends)
    assert len(reported) == sum(len(world) - 1 for world in ends)
    assert {info["episode_length"] for info in reported} == {15.0}


@both_engines
def test_info_has_the_names_users_know_even_when_nothing_happened(engine: Any) -> None:
    env = small(engine=engine, max_steps=5)
    env.reset()
    for _ in range(5):
        *_, infos = env.step(np.zeros(3, dtype=np.int32))
    (info,) = infos
    assert {info[f"agent/{name}.gained"] for name in ("ore_red", "battery_red", "heart")} == {0.0}
    assert info["agent/action.noop.success"] == 5.0
    assert info["agent/action.move.success"] == 0.0
    assert info["agent/avg_reward_per_agent"] == info["episode_return"] == 0.0
    assert info["game/objects.altar"] >= 1
    assert all(isinstance(value, float) for value in info.values())
    assert not any(name.startswith("game/objects.agent.") for name in info)


@both_engines
def test_too_many_tokens_truncate_the_episode_and_are_counted(engine: Any) -> None:
    full = small(engine=engine, max_steps=200)
    full.reset(seed=0)
    budget = int((full.observations[:, :, 1] != 0xFF).sum(axis=1).max())
    env = small(engine=engine, max_steps=200, num_tokens=budget)
    env.reset(seed=0)
    for actions in random_actions(env, 200):
        *_, infos = env.step(actions)
        if infos:
            break
    assert infos[0]["game/token_overflow"] == 1.0
    assert infos[0]["episode_length"] < 200
    assert env.truncations.all() and not env.terminals.any()


@both_engines
def test_first_observation_too_large_names_the_setting(engine: Any) -> None:
    with pytest.raises(UserError, match="num_tokens"):
        small(engine=engine, num_tokens=8).reset()


@both_engines
def test_render_shows_every_agent(engine: Any) -> None:
    env = small(engine=engine)
    env.reset()
    text = env.render()
    assert [text.count(symbol) for symbol in "🟦🟧🟩"] == [1, 1, 1]
    assert env.render_mode == "ansi"


@pytest.mark.parametrize("episode_seeds", ["derived", "fixed"])
@both_engines
def test_seeds_may_be_large(episode_seeds: Any, engine: Any) -> None:
    env = small(engine=engine, seed=2**40 + 1, episode_seeds=episode_seeds)
    env.reset(seed=np.int64(2**33))
    env.step(np.zeros(3, dtype=np.int32))


@both_engines
def test_step_before_reset(engine: Any) -> None:
    with pytest.raises(RuntimeError, match="reset"):
        small(engine=engine).step(np.zeros(3, dtype=np.int32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"desync_episode": True}, "desync_episodes"),
        ({"num_world": 2}, "num_worlds"),
        ({"heart_rewrad": 1.0}, "heart_reward"),
        ({"episode_seeds": "fix"}, "'fixed'"),
        ({"autoreset": "same"}, "autoreset"),
        ({"engine": "publised"}, "'published'"),
        ({"num_worlds": 0}, "num_worlds"),
        ({"num_worlds": 2.5}, "num_worlds"),
        ({"desync_episodes": "yes"}, "desync_episodes"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"engine": "published", "num_threads": 2}, "num_threads"),
        ({"game": 5}, "a int is no game"),
        ({"render_mode": "human"}, "render_mode"),
        ({"game": "aren"}, "'arena'"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MettaPufferEnv(**{"num_agents": 1, **options})


@both_engines
def test_config_and_agents_must_agree(engine: Any) -> None:
    with pytest.raises(UserError, match="num_agents"):
        MettaPufferEnv(make_game("arena", 3), num_agents=4, engine=engine)


@both_engines
def test_groups_step_one_by_one_what_all_step_together(engine: str) -> None:
    groups = 2 if engine == "native" else 1
    options = {"engine": engine, "num_worlds": 4, "seed": 2, "desync_episodes": True}
    together, apart = small(**options), small(**options, num_groups=groups)
    for env in (together, apart):
        env.reset(seed=3)
    for actions in random_actions(together, 40):
        *_, expected = together.step(actions)
        for group in range(groups):
            apart.step_async(actions[apart.group_rows(group)], group)
        infos = [info for group in range(groups) for info in apart.wait(group)]
        for name in ("observations", "rewards", "terminals", "truncations"):
            np.testing.assert_array_equal(getattr(apart, name), getattr(together, name), err_msg=name)
        assert infos == expected


def test_groups_that_cannot_be_are_refused() -> None:
    with pytest.raises(UserError, match="num_groups"):
        small(num_worlds=3, num_groups=2)
    with pytest.raises(UserError, match="num_groups"):
        small(num_worlds=2, num_groups=2, engine="published")
    env = small(num_worlds=2, num_groups=2)
    with pytest.raises(RuntimeError, match="call reset"):
        env.step_async(np.zeros(3, np.int32), 0)
    env.reset(seed=0)
    env.step_async(np.zeros(3, np.int32), 0)
    with pytest.raises(ValueError, match="stepping already"):
        env.step_async(np.zeros(3, np.int32), 0)
    env.close()

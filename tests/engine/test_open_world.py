"""`open_world` and `open_batch` on the published engine; upstream's Simulation is the judge."""

from typing import Any

import numpy as np
import pytest
from mettagrid.simulator import Simulation

from metta_puffer.engine import WorldBuffers, open_batch, open_world
from metta_puffer.engine.maps import build_grid
from metta_puffer.errors import UserError
from metta_puffer.games import make_game


def test_world_equals_upstreams_simulation() -> None:
    config = make_game("arena", 3, max_steps=40)
    config.game.map_builder.seed = 11
    before = config.model_dump_json()
    world = open_world(config, seed=11, engine="published")
    simulation = Simulation(config.model_copy(deep=True), seed=11)
    rng = np.random.default_rng(5)
    np.testing.assert_array_equal(world.observations, simulation._c_sim.observations())
    for _ in range(40):
        actions = rng.integers(0, 5, 3).astype(np.int32)
        world.step(actions)
        simulation._c_sim.actions()[:] = actions
        simulation.step()
        np.testing.assert_array_equal(world.observations, simulation._c_sim.observations())
        np.testing.assert_array_equal(world.rewards, simulation._c_sim.rewards())
        np.testing.assert_array_equal(world.terminals, simulation._c_sim.terminals())
        assert world.action_success.tolist() == simulation.action_success
    assert world.terminals.all()
    assert world.episode_stats() == simulation.episode_stats
    assert config.model_dump_json() == before


def test_grid_may_be_named_by_team_or_by_agent_and_is_left_unchanged() -> None:
    config = make_game("arena", 3)
    grid = build_grid(config, 2)
    before = [list(row) for row in grid]
    by_team = open_world(config, grid, engine="published")
    number = iter(range(3))
    renamed = [[f"agent.red.{next(number)}" if cell == "agent.agent" else cell for cell in row] for row in grid]
    by_agent = open_world(config, renamed, engine="published")
    assert grid == before
    np.testing.assert_array_equal(by_team.observations, by_agent.observations)
    assert by_team.episode_stats() == by_agent.episode_stats()


def test_arrays_are_views_that_the_next_step_overwrites() -> None:
    world = open_world(make_game("arena", 6), seed=1, engine="published")
    observations, first = world.observations, world.observations.copy()
    world.step(np.ones(6, dtype=np.int32))
    assert world.observations is observations
    assert (observations != first).any()
    assert (world.observations.dtype, world.rewards.dtype) == (np.uint8, np.float32)
    assert world.terminals.dtype == world.truncations.dtype == world.action_success.dtype == np.bool_


def test_vibes_are_a_second_stream_and_zero_when_left_out() -> None:
    config = make_game("arena", 1)
    config.game.actions.change_vibe = type(config.game.actions.change_vibe)()
    world = open_world(config, engine="published")

    def vibe() -> int:
        return next(thing["vibe"] for thing in world.grid_objects().values() if "agent_id" in thing)

    world.step(np.zeros(1, dtype=np.int32), np.array([5 + 3], dtype=np.int32))
    assert vibe() == 3
    world.step(np.zeros(1, dtype=np.int32), np.array([5 + 1], dtype=np.int32))
    world.step(np.zeros(1, dtype=np.int32))
    assert vibe() == 1


def test_set_inventory_and_end_on_game_stats() -> None:
    config = make_game("arena", 1)
    config.game.end_episode_on_game_stats = {"tokens_written": 1.0}
    world = open_world(config, engine="published")
    world.set_inventory(0, {2: 4})
    agent = next(thing for thing in world.grid_objects().values() if "agent_id" in thing)
    assert agent["inventory"] == {2: 4}
    world.step(np.zeros(1, dtype=np.int32))
    assert world.truncations.all() and not world.terminals.any()
    world.close()


def test_set_inventory_names_nobody_and_nothing() -> None:
    """The wheel looks away, or crashes."""
    world = open_world(make_game("arena", 1), engine="native")
    for agent, amounts, said in ((7, {0: 1}, "no agent 7"), (0, {200: 1}, "no resource 200")):
        with pytest.raises(IndexError, match=said):
            world.set_inventory(agent, amounts)


@pytest.mark.parametrize("engine", ["native", "published"])
def test_a_world_may_be_closed_twice(engine: Any) -> None:
    world = open_world(make_game("arena", 1), engine=engine)
    world.close()
    world.close()


def test_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(UserError, match="'published'"):
        open_world(make_game("arena", 1), engine="publishd")  # type: ignore[arg-type]


def test_published_engine_takes_one_thread() -> None:
    buffers = WorldBuffers(
        observations=np.zeros((1, 200, 3), dtype=np.uint8),
        rewards=np.zeros(1, dtype=np.float32),
        terminals=np.zeros(1, dtype=np.bool_),
        truncations=np.zeros(1, dtype=np.bool_),
        actions=np.zeros(1, dtype=np.int32),
        vibe_actions=np.zeros(1, dtype=np.int32),
    )
    with pytest.raises(UserError, match="num_threads"):
        open_batch(make_game("arena", 1), 1, buffers, "published", num_threads=2)

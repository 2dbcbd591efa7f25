import numpy as np
import pytest

from metta_puffer.engine import open_world
from metta_puffer.engine.maps import build_grid
from metta_puffer.errors import UserError
from metta_puffer.games import make_game
from tests.games.boards import EAST, NOOP, Board


def test_altar_gives_a_heart_every_cooldown_and_holds_one_at_most() -> None:
    board = Board(make_game("navigation", 1, altar_cooldown=4), ["####", "#@a#", "####"])
    assert board.step(EAST) == [0.0]
    gained = [board.step(EAST)[0] for _ in range(12)]
    assert gained == [1.0, 0.0, 0.0, 0.0] * 3
    for _ in range(20):
        board.step(NOOP)
    assert board.holds("altar") == {"heart": 1}


@pytest.mark.parametrize("style", ["all-sparse", "balanced", "dense", "maze"])
def test_every_style_builds_and_runs(style: str) -> None:
    config = make_game("navigation", 4, style=style)
    hubs = 0
    for seed in range(5):
        grid = np.array(build_grid(config, seed))
        assert (grid == "altar").sum() == 10
        assert (grid == "wall").sum() > 12 * 52
        hubs += (grid == "hub").sum()
        world = open_world(config, seed=seed, engine="published")
        rng = np.random.default_rng(seed)
        for _ in range(30):
            world.step(rng.integers(0, 5, 4).astype(np.int32))
        altars = [thing for thing in world.grid_objects().values() if thing["type_name"] == "altar"]
        assert len(altars) == 10 + (grid == "hub").sum()
        world.close()
    if style == "maze":
        assert hubs > 0


def test_bad_agent_count() -> None:
    with pytest.raises(UserError, match="num_agents"):
        make_game("navigation", 25)

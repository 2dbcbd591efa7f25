"""The arena's chain, driven by hand; its clock against a model of the old engine's converters."""

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from metta_puffer.engine import open_world
from metta_puffer.engine.maps import build_grid
from metta_puffer.errors import UserError
from metta_puffer.games import make_game
from tests.games.boards import EAST, NOOP, NORTH, SOUTH, WEST, Board

VARIANTS = ["basic", "basic_easy", "basic_easy_shaped", "combat"]
# One agent between a mine (north), a generator (west) and an altar (east).
CROSS = ["#####", "##m##", "#g@a#", "##.##", "#####"]


def test_mine_generator_altar_at_each_step() -> None:
    board = Board(make_game("arena", 1), CROSS)
    # action, reward, agent, mine, generator, altar after the env step
    expected = [
        (NOOP, 0.0, {}, {"ore_red": 1, "cooldown": 51}, {}, {}),
        (NORTH, 0.1, {"ore_red": 1}, {"cooldown": 50}, {}, {}),
        (WEST, -0.1, {}, {"cooldown": 49}, {"battery_red": 1, "cooldown": 26}, {}),
        (WEST, 0.8, {"battery_red": 1}, {"cooldown": 48}, {"cooldown": 25}, {}),
        (EAST, -0.8, {}, {"cooldown": 47}, {"cooldown": 24}, {"heart": 1, "cooldown": 11}),
        (EAST, 1.0, {"heart": 1}, {"cooldown": 46}, {"cooldown": 23}, {"cooldown": 10}),
        (EAST, 0.0, {"heart": 1}, {"cooldown": 45}, {"cooldown": 22}, {"cooldown": 9}),
    ]
    for env_step, (action, reward, agent, mine, generator, altar) in enumerate(expected, start=1):
        assert board.step(action) == pytest.approx([reward]), env_step
        assert board.agent() == agent, env_step
        assert board.holds("mine_red") == mine, env_step
        assert board.holds("generator_red") == generator, env_step
        assert board.holds("altar") == altar, env_step
        assert bool(board.world.action_success[0]) == (env_step != 7), env_step
    for env_step in range(8, 53):
        assert board.step(NOOP) == [0.0]
        assert board.holds("mine_red").get("ore_red", 0) == (env_step == 52)
    assert board.holds("generator_red") == board.holds("altar") == {}
    assert board.where() == (2, 2)


@dataclass
class OldConverter:
    """Metta's converter of August 2025: events at the start of a step, then the agent's action."""

    inputs: dict[str, int]
    output: str
    cooldown: int
    max_output: int = 5
    conversion_ticks: int = 1
    holds: dict[str, int] = field(default_factory=dict)
    finishes: int | None = None
    cools: int | None = None

    def try_start(self, now: int) -> None:
        busy = self.finishes is not None or self.cools is not None
        full = self.holds.get(self.output, 0) >= self.max_output
        if busy or full or any(self.holds.get(name, 0) < amount for name, amount in self.inputs.items()):
            return
        for name, amount in self.inputs.items():
            self.holds[name] -= amount
        self.finishes = now + self.conversion_ticks

    def events(self, now: int) -> None:
        if self.finishes == now:
            self.finishes = None
            self.holds[self.output] = self.holds.get(self.output, 0) + 1
            self.cools = now + self.cooldown
        if self.cools == now:
            self.cools = None
            self.try_start(now)

    def bump(self, agent: dict[str, int], now: int) -> None:
        taken = self.holds.pop(self.output, 0)
        if taken:
            agent[self.output] = agent.get(self.output, 0) + taken
        else:
            for name, amount in self.inputs.items():
                put = min(amount, agent.get(name, 0))
                agent[name] = agent.get(name, 0) - put
                self.holds[name] = self.holds.get(name, 0) + put
        self.try_start(now)


@pytest.mark.parametrize("variant", ["basic", "basic_easy"])
@pytest.mark.parametrize("seed", range(3))
def test_the_agent_gets_everything_when_the_old_engine_gave_it(variant: str, seed: int) -> None:
    board = Board(make_game("arena", 1, variant=variant, max_steps=0x7FFFFFFF), CROSS)
    old = {
        NORTH: OldConverter({}, "ore_red", 50),
        WEST: OldConverter({"ore_red": 1}, "battery_red", 25),
        EAST: OldConverter({"battery_red": 3 if variant == "basic" else 1}, "heart", 10),
    }
    agent: dict[str, int] = {}
    choose = random.Random(seed)
    # Mines of the old engine started before the first env step, ours start with it: one env step later.
    old[NORTH].try_start(1)
    for now in range(1, 1500):
        if choose.random() < 0.02:
            agent = {name: choose.randrange(4) for name in ("ore_red", "battery_red", "heart")}
            board.give(0, **agent)
        action = choose.choice([NOOP, NORTH, WEST, EAST])
        for converter in old.values():
            converter.events(now)
        if action in old:
            old[action].bump(agent, now)
        board.step(action)
        assert board.agent() == {name: amount for name, amount in agent.items() if amount}, now


def test_converter_stops_at_max_output_and_goes_on_when_emptied() -> None:
    board = Board(make_game("arena", 1), CROSS)
    for _ in range(1 + 4 * 51):
        board.step(NOOP)
    assert board.holds("mine_red") == {"ore_red": 5, "cooldown": 51}
    for _ in range(60):
        board.step(NOOP)
    assert board.holds("mine_red") == {"ore_red": 5}
    board.step(NORTH)
    assert board.agent() == {"ore_red": 5}
    assert board.holds("mine_red") == {"ore_red": 1, "cooldown": 51}


def test_altar_of_basic_waits_for_three_batteries() -> None:
    board = Board(make_game("arena", 1, variant="basic"), CROSS)
    board.give(0, battery_red=2)
    board.step(EAST)
    assert board.agent() == {} and board.holds("altar") == {"battery_red": 2}
    board.give(0, battery_red=5)
    board.step(EAST)
    assert board.agent() == {"battery_red": 2}
    assert board.holds("altar") == {"battery_red": 2, "heart": 1, "cooldown": 11}


def test_one_use_puts_in_one_recipe_and_a_full_agent_can_still_put() -> None:
    board = Board(make_game("arena", 1), CROSS)
    board.give(0, ore_red=3, battery_red=50)
    board.step(WEST)
    assert board.agent() == {"ore_red": 2, "battery_red": 50}
    assert board.holds("generator_red") == {"battery_red": 1, "cooldown": 26}
    board.step(WEST)
    assert board.agent() == {"ore_red": 1, "battery_red": 50}
    assert board.holds("generator_red") == {"ore_red": 1, "battery_red": 1, "cooldown": 25}


def test_limits() -> None:
    board = Board(make_game("arena", 1), CROSS)
    board.give(0, ore_red=60, battery_red=60, heart=300)
    assert board.agent() == {"ore_red": 50, "battery_red": 50, "heart": 255}
    board.step(NOOP)
    board.step(NORTH)
    assert not board.world.action_success[0]
    assert board.agent()["ore_red"] == 50


def test_reward_caps_and_weights() -> None:
    board = Board(make_game("arena", 1), CROSS)
    for amounts, held_reward in [
        ({"ore_red": 7}, 0.7),
        ({"ore_red": 30}, 1.0),
        ({"battery_red": 1}, 0.8),
        ({"battery_red": 2}, 1.0),
        ({"heart": 3}, 3.0),
        ({"ore_red": 30, "battery_red": 9, "heart": 2}, 4.0),
    ]:
        board.give(0)
        board.step(NOOP)
        board.give(0, **amounts)
        assert board.step(NOOP) == pytest.approx([held_reward]), amounts


@pytest.mark.parametrize("variant", ["basic", "basic_easy", "combat"])
def test_unshaped_variants_reward_hearts_only(variant: str) -> None:
    board = Board(make_game("arena", 1, variant=variant), CROSS)
    board.give(0, ore_red=9, battery_red=9, heart=2)
    assert board.step(NOOP) == pytest.approx([2.0])


def test_reward_options() -> None:
    config = make_game("arena", 1, variant="basic", ore_reward=0.25, battery_reward=0.5, heart_reward=2.0)
    board = Board(config, CROSS)
    board.give(0, ore_red=1, battery_red=1, heart=1)
    assert board.step(NOOP) == pytest.approx([2.75])
    board = Board(make_game("arena", 1, ore_reward=0.0), CROSS)
    board.give(0, ore_red=5)
    assert board.step(NOOP) == [0.0]


DUEL = ["######", "#.@@.#", "#..L.#", "#A...#", "######"]


def test_laser_hits_steals_and_freezes() -> None:
    board = Board(make_game("arena", 2, variant="combat"), DUEL)
    board.give(0, laser=1)
    board.give(1, ore_red=2, heart=3)
    rewards = board.step(EAST, NOOP)
    assert rewards == pytest.approx([3.0, 0.0])
    assert board.agent(0) == {"ore_red": 2, "heart": 3}
    assert board.agent(1) == {"frozen": 10}
    for remaining in range(9, -1, -1):
        board.step(NOOP, EAST)
        assert board.where(1) == (1, 3)
        assert board.agent(1).get("frozen", 0) == remaining
    board.step(NOOP, EAST)
    assert board.where(1) == (1, 4)
    assert board.world.episode_stats()["agent"][0]["attack.hit"] == 1.0


def test_frozen_agent_cannot_use_and_can_be_swapped_with() -> None:
    board = Board(make_game("arena", 2, variant="combat"), DUEL)
    board.give(1, frozen=5, ore_red=1)
    board.step(NOOP, SOUTH)
    assert board.agent(1)["ore_red"] == 1
    board.step(EAST, NOOP)
    assert (board.where(0), board.where(1)) == ((1, 3), (1, 2))


def test_armor_blocks_one_laser() -> None:
    board = Board(make_game("arena", 2, variant="combat"), DUEL)
    board.give(0, laser=2)
    board.give(1, armor=1, heart=1)
    board.step(EAST, NOOP)
    assert board.agent(0) == {"laser": 1} and board.agent(1) == {"heart": 1}
    board.step(EAST, NOOP)
    assert board.agent(0) == {"heart": 1} and board.agent(1) == {"frozen": 10}


def test_unarmed_bump_does_nothing() -> None:
    board = Board(make_game("arena", 2, variant="combat"), DUEL)
    board.step(EAST, NOOP)
    assert not board.world.action_success[0]
    assert board.agent(1) == {}


def test_armory_and_lasery() -> None:
    board = Board(make_game("arena", 2, variant="combat"), ["#####", "#@A##", "#@L##", "#####"])
    board.give(0, ore_red=4)
    board.give(1, ore_red=1, battery_red=3)
    board.step(EAST, EAST)
    assert board.holds("armory") == {"armor": 1, "cooldown": 11}
    assert board.holds("lasery") == {"laser": 1, "cooldown": 11}
    board.step(EAST, EAST)
    assert board.agent(0) == {"ore_red": 1, "armor": 1}
    assert board.agent(1) == {"battery_red": 1, "laser": 1}


@pytest.mark.parametrize("num_agents", [1, 3, 4, 6, 8, 24, 64])
@pytest.mark.parametrize("variant", VARIANTS)
def test_any_number_of_agents(num_agents: int, variant: str) -> None:
    config = make_game("arena", num_agents, variant=variant)
    world = open_world(config, seed=3, engine="published")
    rng = np.random.default_rng(0)
    for _ in range(20):
        world.step(rng.integers(0, 5, num_agents).astype(np.int32))
    assert world.observations.shape == (num_agents, 200, 3)
    things = [thing["type_name"] for thing in world.grid_objects().values()]
    assert things.count("agent") == num_agents
    assert min(things.count(name) for name in ("mine_red", "generator_red", "altar")) >= 1


def test_upstream_layout() -> None:
    config = make_game("arena")
    assert config.game.num_agents == 24
    assert config.game.max_steps == 1000
    grid = np.array(build_grid(config, 7))
    assert grid.shape == (2 * 25 + 2 * 6, 2 * 25 + 2 * 6)
    for top, left in [(6, 6), (6, 31), (31, 6), (31, 31)]:
        room = grid[top : top + 25, left : left + 25].ravel().tolist()
        counts = [
            room.count(name) for name in ("agent.agent", "mine_red", "generator_red", "altar", "block", "wall", "empty")
        ]
        assert counts == [6, 10, 5, 5, 20, 20, 625 - 66]


def test_one_room_and_instances_by_option() -> None:
    one = np.array(build_grid(make_game("arena", 24, agents_per_instance=24), 0))
    many = np.array(build_grid(make_game("arena", 24, agents_per_instance=2, room_size=8, mines=3), 0))
    assert one.shape == (62, 62)
    assert many.shape == (4 * 8 + 12, 3 * 8 + 12)
    assert (many == "mine_red").sum() == 36


def test_map_follows_the_seed() -> None:
    config = make_game("arena", 6)
    assert build_grid(config, 1) == build_grid(config, 1) != build_grid(config, 2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_hundred_tokens_suffice_for_a_full_room(variant: str) -> None:
    """All agents and objects of one instance within the sight of one agent, holding everything they can hold."""
    config = make_game("arena", 6, variant=variant)
    for thing in config.game.objects.values():
        if thing.name not in ("wall", "block"):
            recipe = [resource for resource in thing.inventory.limits]
            thing.inventory.initial = {name: 255 for name in [*recipe, "cooldown"]}
            thing.on_use_handler = None
    config.game.on_tick = None
    visible = sorted(
        (row**2 + column**2, row, column)
        for row in range(-5, 6)
        for column in range(-5, 6)
        if row**2 + column**2 <= 25 or (row**2 + column**2 == 26)
    )
    crowd = ["agent.agent"] * 6 + ["altar"] * 5 + ["generator_red"] * 5 + ["mine_red"] * 10
    crowd += ["lasery", "armory"] if variant == "combat" else []
    grid = [["wall"] * 11 for _ in range(11)]
    for (_, row, column), name in zip(visible, crowd, strict=False):
        grid[row + 5][column + 5] = name
    assert len(visible) == 89
    world = open_world(config, grid, 0, "published")
    names = config.game.resource_names
    for agent in range(6):
        world.set_inventory(agent, {names.index(name): 200 for name in names if name != "cooldown"})
    world.step(np.zeros(6, dtype=np.int32))
    seen = (world.observations[:, :, 1] != 0xFF).sum(axis=1)
    # Every one of the 89 cells is taken, and every agent holds something of everything.
    assert 150 < seen.max() <= 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ore_rewrd": 1}, "ore_reward"),
        ({"variant": "basic_esay"}, "variant.*Did you mean 'basic_easy'"),
        ({"max_steps": 0}, "max_steps"),
        ({"mines": -1}, "mines"),
        ({"agents_per_instance": 5}, "divisor of 24"),
        ({"room_size": 3}, "room_size"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_game("arena", 24, **options)


@pytest.mark.parametrize("num_agents", [0, 65, "6", 2.5, True])
def test_bad_agent_count(num_agents: Any) -> None:
    with pytest.raises(UserError, match="num_agents"):
        make_game("arena", num_agents)

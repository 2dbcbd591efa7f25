"""One number an agent becomes the engine's two action streams: against a plain loop, and nothing when it is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from mettagrid.config.action_config import ChangeVibeActionConfig
from mettagrid.config.mettagrid_config import MettaGridConfig

from metta_puffer import MettaPufferEnv
from metta_puffer.env_actions import ActionCodec
from metta_puffer.games import make_game

ROWS = 37
UNTOUCHED = 77  # no action of these games
WHOLE = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">i8"]
with_and_without_vibes = pytest.mark.parametrize("vibes", [0, 1, 4])


def game(vibes: int, agents: int = 1) -> MettaGridConfig:
    config = make_game("arena", agents)
    names = ChangeVibeActionConfig().vibes[:vibes]
    config.game.actions.change_vibe = ChangeVibeActionConfig(enabled=vibes > 0, vibes=names)
    return config


def codec(vibes: int) -> ActionCodec:
    made = ActionCodec(game(vibes))
    assert (made.primary, made.vibes) == (5, vibes)
    return made


def by_definition(numbers: npt.NDArray[Any], primary: int, vibes: int) -> tuple[list[int], list[int]]:
    moves, vibe_actions = [], []
    for number in numbers.tolist():
        if number < primary:
            moves.append(number)
            vibe_actions.append(0)
        else:
            move, vibe = divmod(number - primary, vibes)
            moves.append(move)
            vibe_actions.append(primary + vibe)
    return moves, vibe_actions


def streams(rows: int = ROWS) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    return np.full(rows, UNTOUCHED, np.int32), np.full(rows, UNTOUCHED, np.int32)


def draw(one: ActionCodec, seed: int, dtype: npt.DTypeLike = "i4") -> npt.NDArray[Any]:
    return np.random.default_rng(seed).integers(0, one.space.n, ROWS).astype(dtype)


def unaligned(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.frombuffer(b" " + numbers.tobytes(), numbers.dtype, offset=1)


def column(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    table = np.full((len(numbers), 3), 99, numbers.dtype)
    table[:, 1] = numbers
    return table[:, 1]


LAYOUTS: dict[str, Callable[[npt.NDArray[Any]], Any]] = {
    "plain": lambda numbers: numbers,
    "read-only": lambda numbers: np.frombuffer(numbers.tobytes(), numbers.dtype),
    "unaligned": unaligned,
    "column": column,
    "backwards": lambda numbers: numbers[::-1].copy()[::-1],
    "masked": lambda numbers: np.ma.masked_less(numbers, 2),
    "list": lambda numbers: numbers.tolist(),
    "tensor": lambda numbers: torch.tensor(numbers.tolist()),
    "int32 tensor": lambda numbers: torch.tensor(numbers.tolist(), dtype=torch.int32),
}


@with_and_without_vibes
@pytest.mark.parametrize("layout", LAYOUTS)
def test_decoding_follows_the_definition(layout: str, vibes: int) -> None:
    one = codec(vibes)
    for seed, dtype in enumerate(WHOLE):
        drawn = draw(one, seed, dtype)
        for numbers in (drawn, drawn % 5):  # somebody sends a vibe, nobody does
            primary, vibe_actions = streams()
            one.decode(LAYOUTS[layout](numbers), primary, vibe_actions)
            assert (primary.tolist(), vibe_actions.tolist()) == by_definition(numbers, 5, vibes), dtype


@with_and_without_vibes
def test_every_number_of_the_space_is_decoded(vibes: int) -> None:
    one = codec(vibes)
    numbers = np.arange(one.space.n, dtype=np.int32)
    primary, vibe_actions = streams(len(numbers))
    one.decode(numbers, primary, vibe_actions)
    assert (primary.tolist(), vibe_actions.tolist()) == by_definition(numbers, 5, vibes)
    assert len(set(zip(primary.tolist(), vibe_actions.tolist(), strict=True))) == len(numbers)


@with_and_without_vibes
@pytest.mark.parametrize("sends_vibes", [True, False])
def test_numbers_may_stand_where_the_streams_are_written(vibes: int, sends_vibes: bool) -> None:
    one = codec(vibes)
    numbers = draw(one, 3) % (one.space.n if sends_vibes else 5)
    expected = by_definition(numbers, 5, vibes)
    for into in range(2):  # in place
        both = streams()
        both[into][:] = numbers
        one.decode(both[into], *both)
        assert (both[0].tolist(), both[1].tolist()) == expected
    for shift in (-1, 1):  # half over it
        memory = np.full(ROWS + 2, UNTOUCHED, np.int32)
        primary, given = memory[1:-1], memory[1 + shift : ROWS + 1 + shift]
        given[:] = numbers
        vibe_actions = streams()[1]
        one.decode(given, primary, vibe_actions)
        assert (primary.tolist(), vibe_actions.tolist()) == expected
    for part in (slice(None, ROWS), slice(-ROWS, None)):  # under numbers twice as wide
        wide = numbers.astype(np.int64)
        primary, vibe_actions = wide.view(np.int32)[part], streams()[1]
        one.decode(wide, primary, vibe_actions)
        assert (primary.tolist(), vibe_actions.tolist()) == expected


@with_and_without_vibes
@pytest.mark.parametrize("at", [0, ROWS // 2, ROWS - 1])
def test_one_number_outside_refuses_all(at: int, vibes: int) -> None:
    one = codec(vibes)
    count = int(one.space.n)
    outside = {
        "i4": [-1, count, -(2**31), 2**31 - 1],
        "u1": [count, 255],
        "u4": [2**32 - 1],  # as int32: -1
        "i8": [-1, count, 2**32, 2**32 + 1, -(2**32), 2**63 - 1, -(2**63)],  # as int32 some are 0 or 1
        "u8": [2**63, 2**64 - 1],
    }
    for dtype, bad_numbers in outside.items():
        for bad in bad_numbers:
            for layout in ("plain", "unaligned", "column", "masked"):
                numbers, (primary, vibe_actions) = draw(one, 5, dtype), streams()
                numbers[at] = bad
                lowest, highest = min(numbers.tolist()), max(numbers.tolist())
                with pytest.raises(ValueError, match=f"^actions must be 0 to {count - 1}, got {lowest} to {highest}$"):
                    one.decode(LAYOUTS[layout](numbers), primary, vibe_actions)
                assert (primary == UNTOUCHED).all() and (vibe_actions == UNTOUCHED).all(), (dtype, bad, layout)


REFUSED: list[tuple[Any, type[Exception], str]] = [
    (np.zeros(ROWS + 1, np.int32), ValueError, rf"must have shape \({ROWS},\), got \({ROWS + 1},\)"),
    (np.zeros((ROWS, 1), np.int32), ValueError, rf"must have shape \({ROWS},\), got \({ROWS}, 1\)"),
    (np.zeros((), np.int64), ValueError, r"got \(\)"),
    ([0] * (ROWS - 1), ValueError, rf"got \({ROWS - 1},\)"),
    (np.zeros(ROWS, np.float32), TypeError, "must be whole numbers, got float32"),
    (np.zeros(ROWS, np.bool_), TypeError, "must be whole numbers, got bool"),
    (np.zeros(ROWS, "m8[s]"), TypeError, "must be whole numbers, got timedelta64"),
    (np.zeros(ROWS, object), TypeError, "must be whole numbers, got object"),
    ([0.0] * ROWS, TypeError, "must be an array of whole numbers, got a list of float64"),
]


@with_and_without_vibes
@pytest.mark.parametrize(("actions", "error", "said"), REFUSED)
def test_what_is_refused_leaves_the_streams_alone(actions: Any, error: type[Exception], said: str, vibes: int) -> None:
    primary, vibe_actions = streams()
    with pytest.raises(error, match=said):
        codec(vibes).decode(actions, primary, vibe_actions)
    assert (primary == UNTOUCHED).all() and (vibe_actions == UNTOUCHED).all()


# ---- through a step ----

both_engines = pytest.mark.parametrize("engine", ["native", "published"])


@both_engines
@with_and_without_vibes
@pytest.mark.parametrize("layout", [*LAYOUTS, "the env's own"])
def test_a_step_takes_what_decoding_gives(layout: str, vibes: int, engine: Any) -> None:
    env = MettaPufferEnv(game(vibes, ROWS), engine=engine)
    env.reset(seed=1)

    def in_place(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        env.actions[:] = numbers
        return env.actions

    for seed, dtype in enumerate(WHOLE):
        drawn = draw(codec(vibes), seed, dtype)
        for numbers in (drawn, drawn % 5):
            expected = by_definition(numbers, 5, vibes)
            env.step(LAYOUTS.get(layout, in_place)(numbers))
            assert (env._engine_actions.tolist(), env._vibe_actions.tolist()) == expected, dtype
    env.close()


@both_engines
@with_and_without_vibes
def test_a_refused_step_changes_nothing(vibes: int, engine: Any) -> None:
    count = int(codec(vibes).space.n)
    outside: list[tuple[Any, type[Exception], str]] = [
        (np.full(ROWS, number, dtype), ValueError, "must be 0 to")
        for number, dtype in ((count, "i4"), (-1, "i4"), (count, "i8"), (2**32, "i8"), (count, "u1"))
    ]

    def play(refused: list[tuple[Any, type[Exception], str]]) -> list[bytes]:
        env = MettaPufferEnv(game(vibes, ROWS), engine=engine)
        env.reset(seed=1)
        seen = []
        for seed in range(4):
            env.step(draw(codec(vibes), seed))
            buffers = (env.observations, env.rewards, env.terminals, env.truncations, env._engine_actions)
            before = [buffer.tobytes() for buffer in (*buffers, env._vibe_actions)]
            for actions, error, said in refused:
                with pytest.raises(error, match=said):
                    env.step(actions)
                assert [buffer.tobytes() for buffer in (*buffers, env._vibe_actions)] == before, said
            seen += before
        env.close()
        return seen

    assert play(REFUSED + outside) == play([])

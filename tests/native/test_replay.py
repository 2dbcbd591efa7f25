"""Worlds are taken up again where they were, by beginning their episodes and repeating the actions."""

from typing import Any

import numpy as np
import pytest

from metta_puffer import MettaPufferEnv
from metta_puffer.native.replay import GroupLog, restore


def arena(**options: Any) -> MettaPufferEnv:
    return MettaPufferEnv("arena", num_agents=2, num_worlds=3, seed=5, max_steps=9, **options)


def play(env: MettaPufferEnv, log: GroupLog, actions: np.ndarray) -> tuple[Any, ...]:
    log.sent(actions)
    result = env.step(actions)
    log.received(result[2] | result[3])
    return result


@pytest.mark.parametrize("sent", [0, 1, 8, 9, 10, 25])
@pytest.mark.parametrize(
    "options", [{}, {"desync_episodes": True}, {"episode_seeds": "fixed"}, {"autoreset": "upstream"}], ids=str
)
def test_a_restored_environment_goes_on_as_if_nothing_had_happened(sent: int, options: dict[str, Any]) -> None:
    generator = np.random.default_rng(0)
    actions = generator.integers(0, 5, (sent + 12, 6)).astype(np.int32)
    env, log = arena(**options), GroupLog(worlds=3, agents_per_world=2)
    env.reset(5)
    for t in range(sent):
        last = play(env, log, actions[t])

    copy, copied = arena(**options), GroupLog.from_state(log.state(), 3, 2)
    infos = restore(copy, 5, copied)
    if sent:
        assert infos == last[4]
    for name in ("observations", "rewards", "terminals", "truncations"):
        np.testing.assert_array_equal(getattr(copy, name), getattr(env, name), err_msg=name)
    for t in range(sent, sent + 12):
        expected, got = play(env, log, actions[t]), play(copy, copied, actions[t])
        for one, other in zip(expected[:4], got[:4], strict=True):
            np.testing.assert_array_equal(one, other)
        assert expected[4] == got[4]
    assert all((one == other).all() for one, other in zip(log.state(), copied.state(), strict=True))


def test_only_the_episodes_under_way_are_kept() -> None:
    env, log = arena(), GroupLog(worlds=3, agents_per_world=2)
    env.reset(5)
    for _ in range(40):
        play(env, log, np.zeros(6, np.int32))
    assert len(log.state()[0]) <= 9

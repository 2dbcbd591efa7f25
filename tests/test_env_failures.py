"""What a refused call leaves alone, and what an error in one world leaves to the others."""

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from mettagrid.builder import building
from mettagrid.config.action_config import ActionsConfig, ChangeVibeActionConfig
from mettagrid.config.handler_config import Handler
from mettagrid.config.mettagrid_config import GameConfig, GridObjectConfig, MettaGridConfig
from mettagrid.config.mutation import UseTargetMutation
from mettagrid.map_builder.random_map import RandomMapBuilder
from mettagrid.mapgen.mapgen import MapGen

from metta_puffer import MettaPufferEnv
from metta_puffer.engine import WorldError, native, published
from metta_puffer.engine.maps import build_grid
from metta_puffer.env_seeds import DerivedSeeds
from metta_puffer.errors import UserError

ENV_STEPS = 12
both_engines = pytest.mark.parametrize("engine", ["native", "published"])
REFUSED: dict[str, Callable[[MettaPufferEnv], object]] = {
    "reset": lambda env: env.reset(),
    "reset with a seed": lambda env: env.reset(9),
    "begin_episode": lambda env: env.begin_episode(0, 7),
    "step": lambda env: env.step(np.full(env.num_agents, 2, np.int32)),
    "step with actions out of range": lambda env: env.step(np.full(env.num_agents, 88, np.int32)),
    "step_async": lambda env: env.step_async(np.full(env.group_rows(0).stop, 2, np.int32), 0),
}


def trace(groups: int, refuse: Callable[[MettaPufferEnv], object] | None = None, **options: Any) -> list[bytes]:
    """Four episodes of all worlds; the call is tried at env step 3 while group 0 steps."""
    env = MettaPufferEnv("arena", 4, 4, num_groups=groups, max_steps=5, **options)
    env.reset(seed=1)
    rng = np.random.default_rng(0)
    seen = []
    for env_step in range(17):
        for group in range(groups):
            env.step_async(rng.integers(0, 5, 16 // groups).astype(np.int32), group)
            if refuse and env_step == 3 and group == 0:
                with pytest.raises(ValueError, match="group 0 is stepping already"):
                    refuse(env)
        for group in range(groups):
            env.wait(group)
        seen.append(env.observations.tobytes() + env.rewards.tobytes() + env.terminals.tobytes())
    env.close()
    return seen


@pytest.mark.parametrize("call", REFUSED)
def test_a_call_refused_while_a_group_steps_changes_nothing(call: str) -> None:
    assert trace(2, REFUSED[call], num_threads=2) == trace(2, num_threads=2)
    assert trace(1, REFUSED[call], engine="published") == trace(1, engine="published") == trace(1)


@both_engines
def test_actions_that_are_refused_begin_no_episode(engine: Any) -> None:
    """Under upstream's rule the step after an end begins the next one."""

    def play(refuse: bool) -> list[bytes]:
        env = MettaPufferEnv("arena", 3, engine=engine, max_steps=4, autoreset="upstream")
        env.reset(seed=1)
        seen = []
        for _ in range(10):
            before = env.observations.copy()
            if refuse:
                with pytest.raises(ValueError, match="0 to 4"):
                    env.step(np.full(3, 9, np.int32))
            assert (env.observations == before).all()
            env.step(np.ones(3, np.int32))
            seen.append(env.observations.tobytes())
        return seen

    assert play(True) == play(False)


def endless(max_steps: int, *, slow_maps: bool = False) -> MettaGridConfig:
    """Whoever walks into the one `loop` of the map uses it without end, which stops the world."""
    builder = RandomMapBuilder.Config(agents=2, width=7, height=7, objects={"loop": 1}, border_width=1, seed=None)
    return MettaGridConfig(
        game=GameConfig(
            num_agents=2,
            max_steps=max_steps,
            objects={
                "wall": building.wall,
                "loop": GridObjectConfig(name="loop", on_use_handler=Handler(mutations=[UseTargetMutation()])),
            },
            actions=ActionsConfig(change_vibe=ChangeVibeActionConfig(enabled=False)),
            map_builder=MapGen.Config(instance=builder, border_width=1) if slow_maps else builder,
        )
    )


@pytest.mark.parametrize(
    ("max_steps", "options"),
    [
        (1, {}),
        (2, {"num_threads": 2, "num_groups": 2}),
        (1, {"slow_maps": True}),
        (2, {"slow_maps": True, "map_pool": 3}),
        (2, {"supervisor": "tests.scripted_teacher.Counting"}),
        (3, {"autoreset": "upstream"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("at_once", [True, False])
def test_an_error_in_one_world_leaves_the_others_their_episodes(
    max_steps: int, options: dict[str, Any], at_once: bool
) -> None:
    worlds = 16
    options = options.copy()
    config = endless(max_steps, slow_maps=options.pop("slow_maps", False))
    env = MettaPufferEnv(config, num_worlds=worlds, **options)
    env.reset(seed=1)
    rng = np.random.default_rng(0)
    failed: set[int] = set()
    ended = np.zeros(worlds, int)
    reported = 0

    for env_step in range(ENV_STEPS):
        # Nobody walks in the last, which tells what is left to tell.
        actions = rng.integers(0, 5 if env_step < ENV_STEPS - 1 else 1, 2 * worlds).astype(np.int32)
        waits: list[Callable[[], list[Any]]] = [partial(env.wait, group) for group in range(env.num_groups)]
        if at_once:
            waits = [lambda sent=actions: env.step(sent)[-1]]
        else:
            for group in range(env.num_groups):
                env.step_async(actions[env.group_rows(group)], group)
        for wait in waits:
            try:
                reported += len(wait())
            except WorldError as error:
                told = error
                failed.update(error.worlds)
        over = (env.terminals | env.truncations)[::2]
        ended += [over[world] and world not in failed for world in range(worlds)]

    assert failed and len(failed) < worlds
    others = [world for world in range(worlds) if world not in failed]
    assert all(ended[world] == ENV_STEPS // max_steps for world in others)
    assert reported == ended.sum()
    assert {failure.world for failure in told.failures} == set(told.worlds)
    assert "without end" in told.failures[0].message and told.failures[0].env_step in range(1, max_steps + 1)
    assert pickle.loads(pickle.dumps(told)).worlds == told.worlds
    for world in failed:
        env.begin_episode(world, 1000)
    if env.gives_teacher_actions:
        assert all(env.teacher_actions[2 * world] == 1 for world in failed)
    env.close()


def test_a_failed_world_says_which_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    env = MettaPufferEnv(endless(50), num_worlds=8)
    env.reset(seed=1)
    rng = np.random.default_rng(0)
    with pytest.raises(WorldError) as error:
        for _ in range(200):
            env.step(rng.integers(0, 5, 16).astype(np.int32))
    failure = error.value.failures[0]
    assert failure.agent in (0, 1)
    assert str(error.value).startswith(f"world {failure.world}, env step {failure.env_step}, agent {failure.agent}: ")


@both_engines
def test_a_map_that_cannot_be_built_stops_its_world_only(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = DerivedSeeds(0, worlds=4)
    rule.reseed(1)
    rule.seek(2, 1)
    _, refused = rule.upcoming(2)

    def build(config: MettaGridConfig, seed: int) -> Any:
        if seed == refused:
            raise ValueError("no room")
        return build_grid(config, seed)

    for module in (native, published):
        monkeypatch.setattr(module, "build_grid", build)
    env = MettaPufferEnv(endless(3, slow_maps=True), num_worlds=4, engine=engine)
    env.reset(seed=1)
    stay = np.zeros(8, np.int32)
    for _ in range(2):
        env.step(stay)
    with pytest.raises(WorldError, match="no room") as error:
        env.step(stay)
    assert error.value.worlds == (2,)
    assert len(env.step(stay)[-1]) == 4
    env.begin_episode(2, 2)
    env.step(stay)
    assert len(env.step(stay)[-1]) == 3
    env.close()


@both_engines
@pytest.mark.parametrize(("max_steps", "told"), [(1, [4, 2, 2]), (2, [2, 2, 0, 2])])
def test_infos_of_a_step_that_raised_come_with_the_next(
    engine: Any, max_steps: int, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    env = MettaPufferEnv("arena", 2, 2, engine=engine, max_steps=max_steps)
    env.reset(seed=1)
    stay = np.zeros(4, np.int32)
    for _ in range(max_steps - 1):
        env.step(stay)
    real = env._batch.act

    def act(actions: Any, codec: Any) -> bool:
        real(actions, codec)
        raise WorldError([])

    with monkeypatch.context() as patch:
        patch.setattr(env._batch, "act", act)
        with pytest.raises(WorldError):
            env.step(stay)
    assert [len(env.step(stay)[-1]) for _ in told] == told


# ---- arguments ----


@both_engines
def test_arguments_that_name_nothing_are_named(engine: Any) -> None:
    env = MettaPufferEnv("arena", 2, 2, engine=engine)
    env.reset()
    stay = np.zeros(4, np.int32)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("group = 2", lambda: env.step_async(stay, 2)),
        ("group = -1", lambda: env.step_async(stay, -1)),
        ("group = 1", lambda: env.wait(1)),
        ("group = '0'", lambda: env.group_rows("0")),  # type: ignore[arg-type]
        ("world = 9", lambda: env.begin_episode(9, 1)),
        ("episode = -1", lambda: env.begin_episode(0, -1)),
        ("world = -1", lambda: env.render(-1)),
        ("world = 2", lambda: env.render(2)),
    ]
    for said, call in calls:
        with pytest.raises(UserError, match=said):
            call()
    with pytest.raises(ValueError, match="group 0 is not stepping"):
        env.wait(0)


def test_actions_may_be_what_numpy_makes_an_array_of() -> None:
    given = [[1, 2, 3], torch.tensor([1, 2, 3]), np.array([1, 2, 3], np.uint8), (1, 2, 3)]
    seen = []
    for actions in given:
        env = MettaPufferEnv("arena", 3, seed=1)
        env.reset()
        seen.append(env.step(actions)[0].tobytes())  # type: ignore[arg-type]
    assert len(set(seen)) == 1


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (None, "NoneType"),
        ([1.0, 2.0, 0.0], "a list of float64"),
        (["a", "b", "c"], "a list of <U1"),
        ([[1], [2, 3], 1], "a list"),
        ([2**70, 0, 0], "a list of object"),
        (torch.zeros(3), "a Tensor of float32"),
    ],
)
def test_actions_that_are_none_name_their_type(actions: Any, said: str) -> None:
    env = MettaPufferEnv("arena", 3)
    env.reset()
    with pytest.raises(TypeError, match=f"whole numbers, got a?.?{said}"):
        env.step(actions)

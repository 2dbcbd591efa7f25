"""One case on two engines at once: everything a host can see is compared after construction and after every step.

Runs in a process of its own (see `processes`): the published engine keeps feature ids in process-wide globals.
"""

import marshal
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mettagrid.config.id_map import IdMap

from metta_puffer.engine.world import World
from tests.parity.case import Case

GRID_OBJECTS_EVERY = 64
# Where the wheel fails an assertion, misses an attribute or cannot dump an unusable config, ours is a ValueError.
SAME_KIND = dict.fromkeys(("AssertionError", "AttributeError", "PydanticSerializationError"), "ValueError")
OpenWorld = Callable[[Case], World]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Failure:
    """An exception as a host sees it: its classes and the facts its text carries."""

    classes: tuple[str, ...]
    facts: tuple[str, ...]
    text: str

    @property
    def kind(self) -> str:
        return self.classes[0]


@dataclass(frozen=True)
class Report:
    """Outcome of a case. `mismatch` is None when the engines agreed; `env_step` 0 is construction."""

    case: str
    agent_steps: int
    mismatch: str | None = None
    env_step: int = 0
    details: str = ""
    failure: Failure | None = None  # the exception both engines raised, if they did
    seen: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.mismatch is None:
            return f"{self.case}: equal over {self.agent_steps} agent steps" + (
                f", both ended in {self.failure.kind}: {self.failure.text}" if self.failure else ""
            )
        return f"{self.case}: {self.mismatch} at env step {self.env_step}\n{self.details}"


def run_lockstep(case: Case, left: OpenWorld, right: OpenWorld, progress: Progress = lambda _: None) -> Report:
    """Compare `left` (the judge) with `right`. `progress` is told what is about to run, for when a process dies."""
    progress("left: construction")
    first, left_failure = attempt(lambda: left(case))
    progress("right: construction")
    second, right_failure = attempt(lambda: right(case))
    agent_steps = 0
    try:
        if left_failure or right_failure:
            return _report_failures(case, 0, agent_steps, left_failure, right_failure)
        assert first is not None
        assert second is not None
        if difference := _difference(case, first, second, 0):
            return Report(case.name, 0, *difference)
        edits: dict[int, list[Any]] = {}
        for edit in case.inventory_edits:
            edits.setdefault(edit.step, []).append(edit)
        for index in range(case.env_steps):
            actions = case.actions[index].copy()
            vibes = None if case.vibe_actions is None else case.vibe_actions[index].copy()
            for world in (first, second):
                for edit in edits.get(index, ()):
                    world.set_inventory(edit.agent, edit.amounts)
            progress(f"left: env step {index + 1}")
            _, left_failure = attempt(lambda a=actions, v=vibes: first.step(a, v))
            progress(f"right: env step {index + 1}")
            _, right_failure = attempt(lambda a=actions, v=vibes: second.step(a, v))
            if left_failure or right_failure:
                return _report_failures(case, index + 1, agent_steps, left_failure, right_failure)
            agent_steps += len(actions)
            if difference := _difference(case, first, second, index + 1):
                return Report(case.name, agent_steps, difference[0], index + 1, difference[2])
        return Report(case.name, agent_steps)
    finally:
        progress("closing")
        for world in (first, second):
            if world is not None:
                world.close()


def attempt(action: Callable[[], Any]) -> tuple[Any, Failure | None]:
    """Result and None, or None and what was raised."""
    try:
        return action(), None
    except Exception as error:  # any exception is behaviour to compare, whatever its class
        names = tuple(cls.__name__ for cls in type(error).__mro__ if cls not in (object, BaseException, Exception))
        text = str(error)
        return None, Failure(names, _facts(text), text)


_BUDGET = re.compile(
    r"budget exceeded for agent (\d+) at step (\d+).*?location=\(?(\d+), *(\d+)\)?.*?budget=(\d+)"
    r".*?attempted=(\d+).*?dropped=(\d+)",
    re.S,
)
_UNKNOWN_OBJECT = re.compile(r"Unknown object type:? '?([^\s']+)")


def _facts(text: str) -> tuple[str, ...]:
    """What a message states, so that two wordings can be compared: numbers of a token overflow, an unknown name."""
    for pattern in (_BUDGET, _UNKNOWN_OBJECT):
        if found := pattern.search(text):
            return found.groups()
    return ()


def _report_failures(
    case: Case, env_step: int, agent_steps: int, left: Failure | None, right: Failure | None
) -> Report:
    if left and right and SAME_KIND.get(left.kind, left.kind) in right.classes and left.facts == right.facts:
        return Report(case.name, agent_steps, None, env_step, failure=left)
    details = "\n".join(
        f"  {side}: {f'{failure.kind}: {failure.text}' if failure else 'no error'}"
        for side, failure in (("left", left), ("right", right))
    )
    return Report(case.name, agent_steps, "errors differ", env_step, details, failure=left or right)


def _difference(case: Case, left: World, right: World, env_step: int) -> tuple[str, int, str] | None:
    """(what differs, env step, details) or None. Arrays are compared as bytes, so NaN and -0.0 count."""
    if left.observations.tobytes() != right.observations.tobytes():
        return "observations differ", env_step, _describe_observations(case, left.observations, right.observations)
    for name in ("rewards", "terminals", "truncations", "action_success"):
        a, b = np.asarray(getattr(left, name)), np.asarray(getattr(right, name))
        if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
            return f"{name} differ", env_step, _describe_arrays(a, b)
    stats, other = left.episode_stats(), right.episode_stats()
    # marshal (version 2: binary floats, no object references) compares names, order and float bits at C speed.
    if marshal.dumps(stats, 2) != marshal.dumps(other, 2):
        details = _describe_mapping(stats, other, "")
        return "episode_stats differ", env_step, details or "  only the order of names differs"
    if _is_time_for_objects(env_step) or env_step == case.env_steps:
        return _objects_difference(left.grid_objects(), right.grid_objects(), env_step)
    return None


def _is_time_for_objects(env_step: int) -> bool:
    """Often at first, when a difference is easiest to explain: 0, 1, 2, 4, ... and then every 64 steps."""
    return env_step % GRID_OBJECTS_EVERY == 0 or env_step & (env_step - 1) == 0


def _objects_difference(
    left: dict[int, dict[str, Any]], right: dict[int, dict[str, Any]], env_step: int
) -> tuple[str, int, str] | None:
    a, b = ({key: _plain(item) for key, item in objects.items()} for objects in (left, right))
    if repr(a) == repr(b):  # equal to the last digit, in order of ids, and a NaN is equal to itself
        return None
    return "grid_objects differ", env_step, _describe_mapping(a, b, "") or "  only an order differs"


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Without the callables, keys sorted: the wheel's order of keys within an object means nothing."""
    return {key: item[key] for key in sorted(item) if not callable(item[key])}


def feature_names(case: Case) -> dict[int, str]:
    return {feature.id: feature.name for feature in IdMap(case.config.game).features()}


def _describe_observations(case: Case, left: np.ndarray, right: np.ndarray) -> str:
    if left.shape != right.shape or left.dtype != right.dtype:
        return f"  {left.dtype} {left.shape} against {right.dtype} {right.shape}"
    names = feature_names(case)
    agent, token = (int(i) for i in np.argwhere((left != right).any(axis=2))[0])
    lines = [f"  agent {agent}, token {token}:"]
    for index in range(max(0, token - 2), min(left.shape[1], token + 4)):
        marker = ">" if index == token else " "
        a, b = decode_token(left[agent, index], names), decode_token(right[agent, index], names)
        lines.append(f"  {marker} {index:4d}  {a:<44} {b}")
    lines.append(f"  differing agents: {sorted({int(i) for i in np.argwhere(left != right)[:, 0]})}")
    return "\n".join(lines)


def decode_token(token: np.ndarray, names: dict[int, str]) -> str:
    """'(row,col) feature=value' of a token of three bytes."""
    location, feature, value = (int(byte) for byte in token)
    if location == 0xFF:
        return "empty" if (feature, value) == (255, 255) else f"empty? {feature} {value}"
    place = "global" if location == 0xFE else f"({location >> 4},{location & 15})"
    return f"{place} {names.get(feature, f'feature {feature}')}={value}"


def _describe_arrays(left: np.ndarray, right: np.ndarray) -> str:
    if left.dtype != right.dtype or left.shape != right.shape:
        return f"  {left.dtype} {left.shape} against {right.dtype} {right.shape}"
    rows = [
        f"  agent {i}: {a!r} against {b!r}"
        for i, (a, b) in enumerate(zip(left, right, strict=True))
        if a.tobytes() != b.tobytes()
    ]
    return "\n".join(rows[:8])


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("<d", left) == struct.pack("<d", right) or (math.isnan(left) and math.isnan(right))
    return left == right


def _describe_mapping(left: Any, right: Any, path: str, limit: int = 12) -> str:
    """Each leaf that differs, by its path."""
    lines: list[str] = []

    def walk(a: Any, b: Any, where: str) -> None:
        if len(lines) >= limit:
            return
        if isinstance(a, dict) and isinstance(b, dict):
            for key in list(a) + [key for key in b if key not in a]:
                if key not in a or key not in b:
                    lines.append(f"  {where}.{key}: {a.get(key, 'absent')!r} against {b.get(key, 'absent')!r}")
                else:
                    walk(a[key], b[key], f"{where}.{key}")
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            for index, (x, y) in enumerate(zip(a, b, strict=True)):
                walk(x, y, f"{where}[{index}]")
        elif not _same(a, b):
            lines.append(f"  {where}: {a!r} against {b!r}")

    walk(left, right, path)
    return "\n".join(lines[:limit])

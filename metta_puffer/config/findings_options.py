"""Findings on names and options that the policies and games of this project do not have."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from metta_puffer.config.finding import Finding
from metta_puffer.config.open_options import ENVIRONMENT, GAMES, POLICIES, env_options, given_options, refusal
from metta_puffer.config.sides import Side
from metta_puffer.errors import did_you_mean


def refused_options(side: Side) -> Iterator[Finding]:
    """For files of ours; the published ones pass these sections on to code that is not here."""
    if side.name == "puffer":
        if side.loop == "ours":
            base = side.loaded.model.base
            yield from _policy(side, "base.policy_name", base.policy, ("policy", "rnn"))
            yield from _game(side)
    elif side.version == "ours":
        yield from _policy(side, "policy.name", side.loaded.model.policy.name, ("policy",))
        yield from _game(side)


def _policy(side: Side, key: str, name: str, sections: Sequence[str]) -> Iterator[Finding]:
    if name not in POLICIES:
        yield _refused(side, key, name, f"no such policy.{did_you_mean(name, POLICIES)}", POLICIES)
        return
    known = POLICIES[name]
    for section in sections:
        for option, value in getattr(side.loaded.model, section).options.items():
            if option not in known:
                why = f"policy {name!r} has no such option.{did_you_mean(option, known)}"
                yield _refused(side, f"{section}.{option}", value, why, known)
            elif why := refusal(value, known[option]):
                yield _refused(side, f"{section}.{option}", value, why, ())


def _game(side: Side) -> Iterator[Finding]:
    env = side.loaded.model.env
    if env.game not in GAMES:
        yield _refused(side, "env.game", env.game, f"there is no such game.{did_you_mean(env.game, GAMES)}", GAMES)
        return
    given = {problem.key: problem for problem in given_options(side.loaded, side.name)}
    for key, problem in given.items():
        yield Finding(
            "option-refused",
            "error",
            side.name,
            f"the trainer refuses {key}",
            f"{key} = {problem.value} in {problem.source}: {problem.message}",
            problem.remedy,
        )
    known = env_options(env.game)
    for option, value in env.options.items():
        if option not in known and f"env.{option}" not in given:
            why = f"the environment has no such option.{did_you_mean(option, known)}"
            yield _refused(side, f"env.{option}", value, why, [*GAMES[env.game], *ENVIRONMENT])


def _refused(side: Side, key: str, value: Any, why: str, choices: Collection[str]) -> Finding:
    return Finding(
        "option-refused",
        "error",
        side.name,
        f"the trainer refuses {key}",
        f"{key} = {value} in {side.loaded.source(key)}: {why}",
        f"use one of {', '.join(choices)}" if choices else "correct or remove it",
    )

"""The rules in which the two trainers differ beyond sizes (spec table 5), read off the configurations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metta_puffer.config.sides import Side


@dataclass(frozen=True)
class RuleDifference:
    topic: str
    puffer: str
    native: str
    key: str | None  # the native key that makes the sides equal; None where no key does


@dataclass(frozen=True)
class _Row:
    """One topic: what PuffeRL does, what Metta's trainer of each month does, and the key of ours."""

    topic: str
    puffer: str | Callable[[Side], str]
    upstream: dict[str, str | Callable[[Side], str]]
    ours: Callable[[Any], str]
    key: str | None = None


def _train(name: str) -> Callable[[Side], str]:
    return lambda side: f"{getattr(side.loaded.model.train, name):g}"


def _trainer(path: str) -> Callable[[Side], str]:
    def read(side: Side) -> str:
        value: Any = side.loaded.model.trainer
        for part in path.split("."):
            value = getattr(value, part)
        return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)

    return read


def _same(path: str) -> dict[str, str | Callable[[Side], str]]:
    return {"2025-07": _trainer(path), "2026-01": _trainer(path)}


def _amount(name: str) -> Callable[[Side], str]:
    def count(side: Side) -> str:
        entries = getattr(side.loaded.model.trainer, name, ())
        return f"{len(entries)} of its own" if entries else "none"

    return count


def _number(puffer_key: str, native_path: str) -> _Row:
    native = _trainer(native_path)
    return _Row(puffer_key, _train(puffer_key), _same(native_path), native, f"trainer.{native_path}")


ROWS: tuple[_Row, ...] = (
    _Row(
        "reward",
        "clamped to [-1, 1]",
        {"2025-07": "raw", "2026-01": "raw"},
        lambda side: "raw" if side.loaded.model.trainer.reward_clamp is None
        else f"clamped to [-{side.loaded.model.trainer.reward_clamp:g}, {side.loaded.model.trainer.reward_clamp:g}]",
        "trainer.reward_clamp",
    ),
    _Row(
        "reward centring",
        "none",
        {"2025-07": "none", "2026-01": "running mean"},
        lambda side: "none" if side.loaded.model.trainer.reward_centering is None else "running mean",
        "trainer.reward_centering",
    ),
    _Row(
        "recurrent state of a row in the update",
        "zeros",
        {"2025-07": "zeros", "2026-01": "zeros or stored"},
        _trainer("training_state"),
        "trainer.training_state",
    ),
    _Row(
        "row sampling",
        "multinomial",
        {"2025-07": "multinomial", "2026-01": "sequential"},
        _trainer("sampling"),
        "trainer.sampling",
    ),
    _Row(
        "advantage refresh",
        "minibatch",
        {"2025-07": "round", "2026-01": "update_epoch"},
        _trainer("advantage_refresh"),
        "trainer.advantage_refresh",
    ),
    _Row(
        "actor advantage",
        "cached",
        {"2025-07": "vtrace", "2026-01": "vtrace"},
        _trainer("actor_advantage"),
        "trainer.actor_advantage",
    ),
    _Row("critic", "clipped", {"2025-07": "clipped", "2026-01": "gradient TD"},
         lambda side: "clipped" if side.loaded.model.trainer.ppo.clip_vloss else "unclipped", "trainer.ppo.clip_vloss"),
    _Row("truncation", "ignore", {"2025-07": "ignore", "2026-01": "ignore"}, _trainer("truncation"),
         "trainer.truncation"),
    _Row("last column of a row", "ignore", {"2025-07": "ignore", "2026-01": "ignore"}, _trainer("row_end"),
         "trainer.row_end"),
    _Row("recurrent state at rollout start", "reset", {"2025-07": "carry", "2026-01": "carry"},
         _trainer("rollout_state"), "trainer.rollout_state"),
    _Row("recurrent state at episode end", "kept", {"2025-07": "kept", "2026-01": "zeroed in rollout only"},
         lambda side: "zeroed" if side.loaded.model.trainer.reset_state_on_done else "kept",
         "trainer.reset_state_on_done"),
    _Row("learning rate", lambda side: "cosine" if side.loaded.model.train.anneal_lr else "constant",
         {"2025-07": "constant", "2026-01": "constant"}, _trainer("optimizer.learning_rate_schedule"),
         "trainer.optimizer.learning_rate_schedule"),
    _Row("optimizer", lambda side: str(side.loaded.model.train.optimizer), _same("optimizer.type"),
         _trainer("optimizer.type"), "trainer.optimizer.type"),
    _Row("KL stop", "none", {"2025-07": _trainer("ppo.target_kl"), "2026-01": _trainer("ppo.target_kl")},
         lambda side: str(side.loaded.model.trainer.ppo.target_kl or "none"), "trainer.ppo.target_kl"),
    _Row("schedules", "none", {"2025-07": "none", "2026-01": "none"}, _amount("schedules"), "trainer.schedules"),
    _Row("further losses", "none", {"2025-07": "none", "2026-01": "none"}, _amount("losses"), "trainer.losses"),
    _number("learning_rate", "optimizer.learning_rate"),
    _number("adam_beta1", "optimizer.beta1"),
    _number("adam_beta2", "optimizer.beta2"),
    _number("adam_eps", "optimizer.eps"),
    _number("gamma", "ppo.gamma"),
    _number("gae_lambda", "ppo.gae_lambda"),
    _number("clip_coef", "ppo.clip_coef"),
    _number("vf_clip_coef", "ppo.vf_clip_coef"),
    _number("vf_coef", "ppo.vf_coef"),
    _number("ent_coef", "ppo.ent_coef"),
    _number("max_grad_norm", "ppo.max_grad_norm"),
    _number("vtrace_rho_clip", "vtrace.vtrace_rho_clip"),
    _number("vtrace_c_clip", "vtrace.vtrace_c_clip"),
    _number("prio_alpha", "prioritized_experience_replay.prio_alpha"),
    _number("prio_beta0", "prioritized_experience_replay.prio_beta0"),
    _number("update_epochs", "update_epochs"),
)  # fmt: skip


def all_rules(puffer: Side, native: Side) -> list[RuleDifference]:
    """Every topic with what each side does."""
    found = []
    for row in ROWS:
        left = row.puffer(puffer) if callable(row.puffer) else row.puffer
        rule = row.ours if native.version == "ours" else row.upstream[native.version]
        right = rule(native) if callable(rule) else rule
        right = "none" if right == "None" else right
        found.append(RuleDifference(row.topic, left, right, row.key))
    return found


def differing_rules(puffer: Side, native: Side) -> list[RuleDifference]:
    return [rule for rule in all_rules(puffer, native) if rule.puffer != rule.native]

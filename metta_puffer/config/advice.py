"""Advice that is checked: each change is applied to this configuration and its effect predicted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from metta_puffer.config import arithmetic as a
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.native_model import NativeConfig
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sides import Side, native_side, puffer_side

Verdict = Literal["do", "possible", "no effect", "do not"]
# What a change may move, in the order in which it is shown.
WATCHED = (
    "total_agents",
    "agents_per_forward",
    "groups",
    "agent_steps_collected_per_epoch",
    "wasted_fraction",
    "spliced_rows",
    "seen_fraction",
    "gradient_updates_per_epoch",
    "agent_steps_per_gradient",
    "agent_steps_collected_per_gradient",
    "distinct_env_seeds",
    "observation_buffer_bytes",
)
# More of these is never wanted.
DECIDING = ("wasted_fraction", "spliced_rows")


@dataclass(frozen=True)
class Advice:
    topic: str
    side: Literal["puffer", "native"]
    verdict: Verdict
    changes: dict[str, Any]
    why: str
    effects: tuple[tuple[str, Any, Any], ...]  # quantity, before, after


def advise(puffer: Side, native: Side, machine: Machine) -> list[Advice]:
    """Changes worth making first, then the customary tips, each with its effect on this configuration."""
    native_trial = _Trial(native, machine)
    puffer_trial = _Trial(puffer, machine)
    found = [native_trial.judge(*tip, repair=True) for tip in _native_repairs(native, machine)]
    found += [puffer_trial.judge(*tip, repair=True) for tip in _puffer_repairs(puffer, machine)]
    found += [native_trial.judge(*tip) for tip in _customary_tips(native)]
    return sorted(found, key=lambda advice: ("do", "possible", "no effect", "do not").index(advice.verdict))


class _Trial:
    """Applies changes on top of a side and compares."""

    def __init__(self, side: Side, machine: Machine) -> None:
        self.side, self.machine = side, machine
        self.base: dict[str, Any] = {
            key: side.loaded.value(key) for key, source in side.loaded.sources.items() if source.kind == "override"
        }
        self.base["env.num_agents"] = side.value("agents_per_env")
        if side.name == "native":
            self.base["trainer.num_workers"] = side.value("workers")

    def apply(self, changes: dict[str, Any]) -> Side:
        loaded = self.side.loaded
        overrides = {**self.base, **changes}
        if self.side.name == "puffer":
            default = next((s.file for s in loaded.sources.values() if s.kind == "default file"), None)
            changed = load_puffer(loaded.file, overrides, default=default)
            return puffer_side(changed, self.machine, version=self.side.version, loop=self.side.loop)  # type: ignore[arg-type]
        semantics: Any = self.side.version
        return native_side(load_native(loaded.file, overrides), self.machine, semantics=semantics)

    def judge(self, topic: str, changes: dict[str, Any], why: str, *, repair: bool = False) -> Advice:
        """A repair is recommended when it runs; a tip is at best possible."""
        before, after = self.side, self.apply(changes)
        effects = tuple(
            (name, before.value(name), after.value(name))
            for name in WATCHED
            if name in before.quantities and name in after.quantities and before.value(name) != after.value(name)
        )
        old, new = ({p.finding for p in side.sizes.problems} for side in (before, after))
        if new - old:
            stopping = next(p for p in after.sizes.problems if p.finding in new - old)
            return Advice(topic, before.name, "do not", changes, f"it cannot run: {stopping.message}", ())
        worse = [name for name, was, is_now in effects if name in DECIDING and is_now > was]
        verdict: Verdict = "do not" if worse else "no effect"
        if not worse and (effects or old - new):
            verdict = "do" if repair else "possible"
        return Advice(topic, before.name, verdict, changes, why, effects)


Tip = tuple[str, dict[str, Any], str]


def _native_repairs(side: Side, machine: Machine) -> Iterator[Tip]:
    loaded: Loaded[NativeConfig] = side.loaded
    trainer = loaded.model.trainer
    rows, total, horizon = side.value("segments"), side.value("total_agents"), side.value("bptt_horizon")
    if side.value("workers") > machine.physical_cores:
        most = 2 ** (machine.physical_cores.bit_length() - 1)
        yield "workers", {"trainer.num_workers": most}, "PufferLib and our threads run best with one worker a core"
    if total <= rows and side.value("agent_steps_overwritten_per_epoch"):
        exact = a.nearest_multiple(rows, total)
        minibatch = a.nearest_divisor(exact, side.value("minibatch_segments"))
        changes = {"trainer.batch_size": exact * horizon, "trainer.minibatch_size": minibatch * horizon}
        yield "whole rows", changes, "rows become a multiple of agents, so nothing is overwritten or spliced"
    if side.version == "ours" and trainer.sampling == "multinomial":
        yield "sampling", {"trainer.sampling": "sequential"}, "every row is trained on once an update epoch"


def _puffer_repairs(side: Side, machine: Machine) -> Iterator[Tip]:
    vec = side.loaded.model.vec
    if side.value("workers") > machine.physical_cores and vec.backend == "Multiprocessing":
        yield "workers", {"vec.num_workers": "fit"}, "as many workers as cores, within PufferLib's divisibility rules"
    if side.loaded.model.train.batch_size != "auto" and side.value("segments") != side.value("total_agents"):
        yield "rows", {"train.batch_size": "auto"}, "one row an agent: nothing overflows, no carried LSTM state"
    if vec.backend == "Multiprocessing" and side.value("distinct_env_seeds") < side.value("envs"):
        per_group = side.value("envs_per_forward")
        changes = {"vec.num_envs": side.value("groups"), "vec.batch_size": 1, "env.num_worlds": per_group,
                   "vec.num_workers": "fit"}  # fmt: skip
        yield "seeds", changes, "one environment object a group: every world has a seed of its own"


def _customary_tips(side: Side) -> Iterator[Tip]:
    """The tips of the pipeline document, for any number of agents."""
    trainer = side.loaded.model.trainer
    workers = side.value("workers")
    target = trainer.forward_pass_minibatch_target_size
    many, few, speed = "many agents (tip)", "few agents (tip)", "speed (tip)"
    yield many, {"trainer.num_workers": workers * 2}, "workers change the rounding of worlds only"
    yield many, {"trainer.batch_size": max(1, trainer.batch_size // 2)}, "half the data and half the updates a round"
    yield many, {"trainer.minibatch_size": trainer.minibatch_size * 2}, "fewer, larger updates from the same data"
    yield few, {"trainer.batch_size": trainer.batch_size * 2}, "twice the data and updates a round"
    if workers > 1:
        yield few, {"trainer.num_workers": workers // 2}, "workers change the rounding of worlds only"
    yield few, {"trainer.forward_pass_minibatch_target_size": max(1, target // 2)}, "half the worlds in a forward pass"
    yield speed, {"trainer.async_factor": trainer.async_factor + 1}, "one more group of worlds needs rows of its own"
    yield speed, {"trainer.compile": True}, "changes no size; only a measurement tells"

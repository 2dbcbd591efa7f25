"""The audit of one or two sides: quantities side by side, mismatches, findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metta_puffer.config.findings import Finding, find
from metta_puffer.config.sides import Side

# The quantities of the contract, in its order; further ones follow in the order of derivation.
CONTRACT_QUANTITIES = (
    "envs",
    "workers",
    "agents_per_env",
    "total_agents",
    "envs_per_forward",
    "agents_per_forward",
    "batch_size",
    "minibatch_size",
    "bptt_horizon",
    "segments",
    "minibatch_segments",
    "num_minibatches",
    "update_epochs",
    "gradient_updates_per_epoch",
    "agent_steps_per_gradient",
    "agent_steps_trained_per_epoch",
    "agent_steps_collected_per_epoch",
    "wasted_fraction",
    "env_steps_per_epoch",
    "steps_per_env_per_epoch",
    "total_timesteps",
    "total_epochs",
    "total_gradient_updates",
    "observation_buffer_bytes",
)
MISMATCH_FIRST = ("agents_per_env", "total_agents", "envs")  # the agent count is what everything else follows from


@dataclass(frozen=True)
class Mismatch:
    quantity: str
    unit: str
    puffer: Any
    native: Any


@dataclass(frozen=True)
class Audit:
    puffer: Side
    native: Side
    mismatches: tuple[Mismatch, ...]
    findings: tuple[Finding, ...]

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.puffer, self.native

    @property
    def engines(self) -> dict[str, str]:
        """Side -> what runs its worlds, "native" or "published"."""
        return {side.name: side.loaded.model.env.engine for side in self.sides}

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def audit(puffer: Side, native: Side) -> Audit:
    return Audit(puffer, native, mismatches(puffer, native), find(puffer, native))


def quantity_names(*sides: Side) -> list[str]:
    derived = dict.fromkeys(name for side in sides for name in side.quantities)
    contract = [name for name in CONTRACT_QUANTITIES if name in derived]
    return [*contract, *(name for name in derived if name not in CONTRACT_QUANTITIES)]


def mismatches(puffer: Side, native: Side) -> tuple[Mismatch, ...]:
    """Quantities that differ, the agent count first."""
    names = [*MISMATCH_FIRST, *(n for n in quantity_names(puffer, native) if n not in MISMATCH_FIRST)]
    found = []
    for name in names:
        left, right = puffer.quantities.get(name), native.quantities.get(name)
        if left is not None and right is not None and left.value != right.value:
            found.append(Mismatch(name, left.unit, left.value, right.value))
    return tuple(found)


def as_json(result: Audit, reconciled: Mapping[str, Any]) -> dict[str, Any]:
    """The contract's JSON and each side's engine; `reconciled` is what `reconcile --match everything` would give."""
    return {
        "puffer": result.puffer.quantities.values_by_name(),
        "native": result.native.quantities.values_by_name(),
        "mismatches": [vars(mismatch) for mismatch in result.mismatches],
        "findings": [vars(finding) for finding in result.findings],
        "reconciled": dict(reconciled),
        "engines": result.engines,
    }

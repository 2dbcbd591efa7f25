"""The one metrics schema. Both trainers write it, the comparison reads it.

A record is one moment of one run: counters plus named values. Names are namespaced by who measures:
`score` (mean episode return per agent of the episodes that ended since the last record), `environment/*`
(episode statistics), `losses/*`, `throughput/*` (agent-steps per second), `seconds/*` (time by stage),
`train/*` (learning rate, ...).
"""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class MetricRecord:
    epoch: int  # rollout-and-update rounds finished
    agent_steps: int  # agent-steps collected so far, overwritten ones included
    env_steps: int  # world steps so far, summed over worlds
    gradient_updates: int  # optimizer steps so far
    wall_seconds: float  # since the run started, time before a resume included
    values: dict[str, float] = field(default_factory=dict)


class MetricSink(Protocol):
    """Where a trainer's records go. `log` may buffer; `close` flushes. Raises OSError when nothing can be written."""

    def log(self, record: MetricRecord) -> None: ...

    def close(self) -> None: ...

"""What processes, worlds and policies weigh: the measured table behind the quantity process_bytes.

`memory.json` is written by benchmarks/process_memory.py, which says how each number is measured.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "memory.json"


@cache
def table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TABLE.read_text())
    return found


@dataclass(frozen=True)
class PolicyMemory:
    """What one policy needs on the CPU in float32. Options off the defaults are scaled by the table's power laws."""

    parameters: int
    hidden_size: int  # width of each of the two tensors of the recurrent state; 0 without recurrence
    bytes_per_trained_agent_step: int  # peak of a forward and backward pass
    bytes_per_acting_agent: int  # peak of a rollout's forward pass


def policy_memory(name: str, recurrent: bool, options: Mapping[str, Any]) -> PolicyMemory | None:
    """None for a policy that is not in the table."""
    entry = table()["policies"].get(name if recurrent else f"{name} without recurrence")
    if entry is None:
        return None
    values = {field: float(entry[field]) for field in PolicyMemory.__dataclass_fields__}
    for option, law in entry["options"].items():
        size = options.get(option, law["default"])
        if isinstance(size, int) and size > 0:
            for field in values:
                values[field] *= (size / law["default"]) ** law.get(field, 0.0)
    return PolicyMemory(**{field: round(value) for field, value in values.items()})

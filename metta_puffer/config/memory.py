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
NUMBERS = ("parameters", "hidden_size", "bytes_per_acting_agent")


@cache
def table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TABLE.read_text())
    return found


@dataclass(frozen=True)
class PolicyMemory:
    """What one policy needs on the CPU in float32. Options off the defaults are scaled by the table's power laws."""

    parameters: int
    hidden_size: int  # width of each of the two tensors of the recurrent state; 0 without recurrence
    trained_bytes: tuple[tuple[float, float], ...]  # agent-steps of a forward and backward pass, and its peak
    bytes_per_acting_agent: int  # peak of a rollout's forward pass


def policy_memory(name: str, recurrent: bool, options: Mapping[str, Any]) -> PolicyMemory | None:
    """None for a policy that is not in the table."""
    entry = table()["policies"].get(name if recurrent else f"{name} without recurrence")
    if entry is None:
        return None
    scales = dict.fromkeys((*NUMBERS, "trained_agent_steps"), 1.0)
    for option, law in entry["options"].items():
        size = options.get(option, law["default"])
        if isinstance(size, int) and size > 0:
            for field in scales:
                scales[field] *= (size / law["default"]) ** law.get(field, 0.0)
    # Tensors twice as wide are kept and given back as those of twice the agent-steps are.
    trained = tuple((steps / scales["trained_agent_steps"], peak) for steps, peak in entry["trained_bytes"])
    return PolicyMemory(trained_bytes=trained, **{field: round(entry[field] * scales[field]) for field in NUMBERS})

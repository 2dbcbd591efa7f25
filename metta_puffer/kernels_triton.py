"""The advantage kernel for CUDA. Imported on first use: Triton comes with torch's CUDA builds only."""

from typing import Any

import triton
import triton.language as tl


@triton.jit
def advantage_rows(  # noqa: PLR0917 (a kernel's arguments are positional)
    values: Any,
    rewards: Any,
    dones: Any,
    importance: Any,
    advantages: Any,
    rows: Any,
    gamma: Any,
    gae_lambda: Any,
    rho_clip: Any,
    c_clip: Any,
    HORIZON: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """One program walks BLOCK rows backwards in time; formula and shapes as in cpp/kernels/advantage.hpp."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < rows
    start = row.to(tl.int64) * HORIZON
    carried = tl.zeros((BLOCK,), dtype=tl.float32)
    next_value = tl.load(values + start + HORIZON - 1, mask=inside, other=0.0)
    for back in range(2, HORIZON + 1):
        now = start + HORIZON - back
        value = tl.load(values + now, mask=inside, other=0.0)
        ratio = tl.load(importance + now, mask=inside, other=0.0)
        reward = tl.load(rewards + now + 1, mask=inside, other=0.0)
        continues = 1.0 - tl.load(dones + now + 1, mask=inside, other=0.0)
        rho = tl.minimum(ratio, rho_clip)
        c = tl.minimum(ratio, c_clip)
        delta = rho * (reward + gamma * next_value * continues - value)
        carried = delta + gamma * gae_lambda * c * carried * continues
        tl.store(advantages + now, carried, mask=inside)
        next_value = value

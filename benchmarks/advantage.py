"""pufferlib's compiled advantage kernel and ours, side by side: `python -m benchmarks.advantage [rows horizon ...]`.

Both run in this process on the same float32 [rows, horizon] buffers and one thread, in turns, so that a busy machine
slows both. Printed: the median seconds of the repeats, agent-steps per second, and the ratio of the medians.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch

from metta_puffer.kernels import advantages_cpu

REPEATS = 41
COEFFICIENTS = (0.977, 0.916, 1.0, 1.0)
# arena-small, the published Puffer config (4,096 segments) and Metta's (8,192 segments)
SIZES = [(64, 64), (4096, 64), (8192, 64)]


def seconds_of(kernel: Callable[..., None], rollout: list[torch.Tensor]) -> float:
    start = time.perf_counter()
    kernel(*rollout, *COEFFICIENTS)
    return time.perf_counter() - start


def compare(rows: int, horizon: int) -> None:
    import pufferlib._C  # noqa: F401  (registers the operator)

    rollout = [torch.randn(rows, horizon) for _ in range(5)]
    rollout[2] = (rollout[2] > 1).float()
    kernels = {"pufferlib": torch.ops.pufferlib.compute_puff_advantage, "metta-puffer": advantages_cpu}
    for kernel in kernels.values():
        seconds_of(kernel, rollout)
    seconds: dict[str, list[float]] = {name: [] for name in kernels}
    for _ in range(REPEATS):
        for name, kernel in kernels.items():
            seconds[name].append(seconds_of(kernel, rollout))
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name, value in median.items():
        print(f"{rows:6d} x {horizon:<4d} {name:13s} {value * 1e6:10.1f} us {rows * horizon / value / 1e6:9.1f} M/s")
    print(f"{'':14s}pufferlib / metta-puffer: {median['pufferlib'] / median['metta-puffer']:.2f}")


def main() -> None:
    given = [int(argument) for argument in sys.argv[1:]]
    print(f"torch {torch.__version__}, one thread, median of {REPEATS} repeats, rows x horizon, agent-steps per second")
    for rows, horizon in list(zip(given[::2], given[1::2], strict=True)) or SIZES:
        compare(rows, horizon)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

"""What a run takes from the machine, and what its gradients look like."""

import psutil
import torch
from torch import Tensor, nn

_PROCESS = psutil.Process()


def machine_values() -> dict[str, float]:
    """`system/*` now: memory of this process and its workers in bytes, shares of memory and processors in use.

    Processor shares are since the last call and in percent of one core for the process, of all cores for the machine.
    """
    memory = _PROCESS.memory_info().rss
    for child in _PROCESS.children(recursive=True):
        try:
            memory += child.memory_info().rss
        except psutil.NoSuchProcess:  # ended while we looked
            continue
    values = {
        "system/process_memory_bytes": float(memory),
        "system/process_cpu_percent": _PROCESS.cpu_percent(),
        "system/memory_percent": psutil.virtual_memory().percent,
        "system/cpu_percent": psutil.cpu_percent(),
    }
    if torch.cuda.is_available():
        values["system/gpu_memory_bytes"] = float(torch.cuda.memory_allocated())
        values["system/gpu_memory_peak_bytes"] = float(torch.cuda.max_memory_allocated())
    return values


def gradient_values(policy: nn.Module) -> dict[str, Tensor]:
    """`gradients/*` of the gradients as they stand: mean and variance over all, and each module's L2 norm. Scalars."""
    by_module: dict[str, list[Tensor]] = {}
    for name, parameter in policy.named_parameters():
        if parameter.grad is not None:
            by_module.setdefault(name.removeprefix("_orig_mod.").split(".")[0], []).append(parameter.grad.flatten())
    if not by_module:
        return {}
    everything = torch.cat([gradient for gradients in by_module.values() for gradient in gradients])
    values = {"gradients/mean": everything.mean(), "gradients/variance": everything.var()}
    return values | {f"gradients/norm/{name}": torch.cat(gradients).norm() for name, gradients in by_module.items()}

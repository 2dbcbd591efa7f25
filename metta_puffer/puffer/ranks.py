"""Several processes training one policy (DDP), as torchrun starts them."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Ranks:
    """This process's place among those that train together."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def wrap(self, policy: nn.Module) -> nn.Module:
        """The policy as PuffeRL expects it under DDP: gradients are averaged over ranks in backward()."""
        if self.count == 1:
            return policy
        wrapped: Any = nn.parallel.DistributedDataParallel(policy)
        wrapped.forward_eval = policy.forward_eval
        if hasattr(policy, "hidden_size"):
            wrapped.hidden_size = policy.hidden_size
        return wrapped

    def merged(self, stats: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Episode statistics of all ranks together; every rank must call it."""
        if self.count == 1:
            return stats
        gathered: list[Any] = [None] * self.count
        dist.all_gather_object(gathered, dict(stats))
        merged = defaultdict(list)
        for one in gathered:
            for name, values in one.items():
                merged[name].extend(values)
        return merged

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank: all must leave the loop in the same round."""
        if self.count == 1:
            return flag
        flags: list[Any] = [None] * self.count
        dist.all_gather_object(flags, flag)
        return any(flags)


@contextmanager
def joined_ranks(device: str) -> Iterator[Ranks]:
    """Joins the process group that torchrun's environment variables describe; a single rank without them."""
    if "LOCAL_RANK" not in os.environ:
        yield Ranks()
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()

"""Several processes that train one policy together, as torchrun starts them.

Every rank has worlds and a buffer of its own: the plan's worlds and batch sizes are per rank, its budget and counters
are of all ranks together. Gradients are averaged before each optimizer step, and advantages normalized over all ranks,
so the ranks' policies stay equal and an update is that of one minibatch made of all of theirs.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class RankLostError(RuntimeError):
    """Another rank ended or no longer answers."""


class Ranks:
    """This process's place. With one rank every method leaves things as they are."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count

    @property
    def first(self) -> bool:
        return self.rank == 0

    def average_(self, tensors: list[Tensor]) -> None:
        """Replaces each tensor by its mean over the ranks."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        self._all_reduce(flat)
        flat /= self.count
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()

    def normalized(self, advantages: Tensor) -> Tensor:
        """Zero mean and unit (unbiased) standard deviation over the minibatches of all ranks, of equal sizes."""
        number = advantages.numel() * self.count
        mean = advantages.sum()
        self._all_reduce(mean)
        mean = mean / number
        squares = (advantages - mean).square().sum()
        self._all_reduce(squares)
        return (advantages - mean) / ((squares / (number - 1)).sqrt() + 1e-8)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank."""
        return any(self.gather(flag))

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, in order of rank."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        with _lost_rank_named():
            dist.all_gather_object(values, value)
        return values

    def _all_reduce(self, tensor: Tensor) -> None:
        if self.count > 1:
            with _lost_rank_named():
                dist.all_reduce(tensor)


@contextmanager
def open_ranks(device: str) -> Iterator[Ranks]:
    """The ranks that torchrun's environment variables speak of; one without them."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    with _lost_rank_named():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


@contextmanager
def _lost_rank_named() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch.distributed's errors and those of its backends are all of this type
        raise RankLostError(f"another rank ended or no longer answers ({str(error).splitlines()[0]})") from error

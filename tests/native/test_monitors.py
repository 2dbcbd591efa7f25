"""Monitors measure what they say."""

import multiprocessing
from typing import Any

import pytest
import torch
from torch import nn

from metta_puffer.native.monitors import gradient_values, machine_values

MEBIBYTE = 2**20


def test_gradient_statistics_by_hand() -> None:
    net = nn.ModuleDict({"one": nn.Linear(2, 1), "two": nn.Linear(1, 1), "still": nn.Linear(1, 1)})
    net["one"].weight.grad = torch.tensor([[3.0, 4.0]])
    net["one"].bias.grad = torch.tensor([0.0])
    net["two"].weight.grad = torch.tensor([[1.0]])
    values = {name: float(value) for name, value in gradient_values(net).items()}
    assert values == pytest.approx(
        {
            "gradients/mean": 2.0,
            "gradients/variance": (1 + 4 + 4 + 1) / 3,
            "gradients/norm/one": 5.0,
            "gradients/norm/two": 1.0,
        }
    )
    assert gradient_values(nn.Linear(1, 1)) == {}


def hold(connection: Any) -> None:
    block = b"x" * (64 * MEBIBYTE)
    connection.send(len(block))
    connection.recv()


def test_memory_counts_the_workers() -> None:
    before = machine_values()["system/process_memory_bytes"]
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=hold, args=(theirs,))
    child.start()
    ours.recv()
    with_child = machine_values()["system/process_memory_bytes"]
    ours.send(None)
    child.join()
    assert with_child - before > 48 * MEBIBYTE

"""Every optimizer trains, survives a checkpoint, and follows the learning rate it is given."""

import json

import pytest
import torch
from torch import nn

from metta_puffer.config.plan import OptimizerPlan
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.optimizers import (
    OPTIMIZERS,
    begin_update,
    build_optimizer,
    end_update,
    learning_rate,
    set_numbers,
)

NAMES = sorted(OPTIMIZERS)


def plan(name: str, **changes: object) -> OptimizerPlan:
    values = {"type": name, "learning_rate": 0.02, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, **changes}
    return OptimizerPlan(**values)  # type: ignore[arg-type]


class Net(nn.Module):
    """Named as policies are: a hidden matrix, a convolution, a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv1d(1, 3, 2)
        self.hidden = nn.Linear(9, 8)
        self.actor = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.actor(torch.tanh(self.hidden(self.conv(x[:, None]).flatten(1))))


INPUTS = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
TARGETS = INPUTS.prod(1, keepdim=True).tanh() + INPUTS[:, :1]


def train(net: Net, optimizer: torch.optim.Optimizer, count: int) -> float:
    """Mean squared error for acting, after `count` optimizer steps."""
    begin_update(optimizer)
    for _ in range(count):
        optimizer.zero_grad()
        (net(INPUTS) - TARGETS).square().mean().backward()
        optimizer.step()
    end_update(optimizer)
    with torch.no_grad():
        return float((net(INPUTS) - TARGETS).square().mean())


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_trains_every_weight(name: str) -> None:
    net = Net()
    optimizer = build_optimizer(net, plan(name, learning_rate=0.3 if name.startswith("sgd") else 0.02))
    before = {key: value.detach().clone() for key, value in net.named_parameters()}
    start = train(net, optimizer, 0)
    assert train(net, optimizer, 200) < start / 3
    assert all(not torch.equal(before[key], value) for key, value in net.named_parameters())


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_goes_on_from_a_checkpoint(name: str) -> None:
    net = Net()
    optimizer = build_optimizer(net, plan(name))
    train(net, optimizer, 7)
    tensors, described = checkpoints.flatten_optimizer(optimizer.state_dict())
    tensors = {key: tensor.clone() for key, tensor in tensors.items()}
    other = Net()
    other.load_state_dict(net.state_dict())
    resumed = build_optimizer(other, plan(name, learning_rate=1.0))  # the checkpoint's rate wins
    end_update(resumed)
    checkpoints.restore_optimizer(resumed, tensors, json.loads(json.dumps(described)))
    train(net, optimizer, 5)
    train(other, resumed, 5)
    for key, value in net.named_parameters():
        assert torch.equal(value, other.get_parameter(key)), key


@pytest.mark.parametrize("name", NAMES)
def test_rate_zero_moves_nothing(name: str) -> None:
    net = Net()
    optimizer = build_optimizer(net, plan(name))
    before = {key: value.detach().clone() for key, value in net.named_parameters()}
    set_numbers(optimizer, plan(name), 0.0)
    train(net, optimizer, 3)
    for key, value in net.named_parameters():
        torch.testing.assert_close(value.detach(), before[key], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_change_in_a_run_reach_the_optimizer(name: str) -> None:
    """The same as an optimizer that had them from the start."""
    later = plan(name, beta1=0.5, beta2=0.7, eps=1e-3, weight_decay=0.3)
    changed, wanted = Net(), Net()
    optimizer = build_optimizer(changed, plan(name))
    set_numbers(optimizer, later, 0.01)
    train(changed, optimizer, 3)
    train(wanted, build_optimizer(wanted, later.model_copy(update={"learning_rate": 0.01})), 3)
    for key, value in wanted.named_parameters():
        assert torch.equal(value, changed.get_parameter(key)), key


def test_muon_evens_out_matrices_and_adamw_takes_the_rest() -> None:
    net = Net()
    before = net.hidden.weight.detach().clone()
    head = net.actor.weight.detach().clone()
    (net(INPUTS) - TARGETS).square().mean().backward()
    assert net.hidden.weight.grad is not None
    uneven = torch.linalg.svdvals(net.hidden.weight.grad)
    train(net, build_optimizer(net, plan("muon", beta1=0.0)), 1)
    even = torch.linalg.svdvals(net.hidden.weight.detach() - before)
    # The gradient's singular values span orders of magnitude, the step's top half is nearly level.
    assert float(even[0] / even[3]) < 2 < float(uneven[0] / uneven[3])
    steps = (net.actor.weight.detach() - head).abs()
    torch.testing.assert_close(steps, torch.full_like(steps, 0.02), rtol=1e-3, atol=1e-5)  # Adam's first step


def test_learning_rate_of_each_epoch() -> None:
    constant, cosine = plan("adam"), plan("adam", learning_rate_schedule="cosine")
    assert learning_rate(constant, 7, 10) == 0.02
    assert [learning_rate(cosine, epoch, 10) for epoch in (0, 5, 10, 12)] == pytest.approx([0.02, 0.01, 0, 0])


def test_an_unknown_optimizer_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'adma'.*Did you mean 'adam'"):
        build_optimizer(Net(), plan("adma"))
    assert NAMES == ["adam", "adamw", "adamw_schedulefree", "muon", "sgd_schedulefree"]

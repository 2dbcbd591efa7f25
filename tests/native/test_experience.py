"""Who writes which row: without waste by default, and with Metta's waste where the plan asks for it."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from metta_puffer.config.arithmetic import allocate_rows
from metta_puffer.native.experience import Column, Experience


def fill(rows: int, horizon: int, groups: int, agents: int, row_policy: str) -> tuple[Experience, list[int]]:
    """One rollout in which agent a at its moment t writes the value `a * 1000 + t`; env-steps of each group."""
    batch: Any = SimpleNamespace(segments=rows, bptt_horizon=horizon)
    experience = Experience(
        batch,
        SimpleNamespace(row_policy=row_policy),  # type: ignore[arg-type]
        num_groups=groups,
        agents_per_group=agents,
        observation_shape=(1,),
        observation_dtype=torch.uint8,
        hidden_size=None,
        device=torch.device("cpu"),
    )
    experience.values.fill_(-1)
    moments = [0] * groups
    group = 0
    while not experience.ready:
        stamp = (torch.arange(agents) + group * agents) * 1000.0 + moments[group]
        zeros = torch.zeros(agents)
        column = Column(torch.zeros(agents, 1, dtype=torch.uint8), zeros.long(), zeros, stamp, zeros, zeros, zeros)
        experience.store(group, column, None, None)
        moments[group] += 1
        group = (group + 1) % groups
    return experience, moments


@pytest.mark.parametrize(
    ("rows", "horizon", "groups", "agents"), [(6, 4, 2, 3), (12, 4, 2, 3), (4, 3, 1, 4), (18, 2, 3, 2)]
)
def test_exact_trains_on_every_agent_step_once(rows: int, horizon: int, groups: int, agents: int) -> None:
    experience, moments = fill(rows, horizon, groups, agents, "exact")
    rows_per_agent = rows // (groups * agents)
    assert moments == [rows_per_agent * horizon] * groups
    written = experience.values[:, :horizon]
    # Each row is one agent at consecutive moments, and no moment of any agent is missing or there twice.
    assert (written[:, 1:] - written[:, :-1] == 1).all()
    expected = {agent * 1000 + t for agent in range(groups * agents) for t in range(rows_per_agent * horizon)}
    assert sorted(written.flatten().tolist()) == sorted(expected)


def test_a_row_is_followed_by_what_its_agent_saw_next() -> None:
    experience, _ = fill(12, 4, 2, 3, "exact")
    finished_before = experience.values[:, -1] >= 0  # an agent's last row has no successor yet
    assert finished_before.sum() == 6
    successors = experience.values[finished_before]
    assert (successors[:, -1] - successors[:, -2] == 1).all()
    for group in range(2):
        following = (torch.arange(3) + group * 3) * 1000.0 + 8
        experience.store_successor(group, following, torch.ones(3), torch.zeros(3))
    assert (experience.values[:, -1] - experience.values[:, -2] == 1).all()


def test_exact_refuses_rows_that_agents_cannot_share() -> None:
    with pytest.raises(ValueError, match="7 rows do not hold a whole number of rows for each of 6 agents"):
        fill(7, 4, 2, 3, "exact")


@pytest.mark.parametrize(
    ("rows", "horizon", "groups", "agents"), [(7, 4, 2, 3), (10, 3, 2, 4), (11, 2, 3, 2), (5, 3, 1, 2), (16, 4, 2, 4)]
)
def test_upstream_wastes_what_the_audit_says(rows: int, horizon: int, groups: int, agents: int) -> None:
    experience, moments = fill(rows, horizon, groups, agents, "upstream")
    predicted = allocate_rows(rows, agents, groups, horizon)
    ahead = groups - predicted.groups_behind
    assert moments == [predicted.recvs] * ahead + [predicted.recvs - 1] * predicted.groups_behind
    assert agents * sum(moments) == predicted.collected
    written = experience.values[:, :horizon]
    clean = (written[:, 1:] - written[:, :-1] == 1).all(1)
    assert (int(clean.sum()), int((~clean).sum())) == (predicted.clean_rows, predicted.spliced_rows)


def test_upstream_with_three_agents_and_sixteen_workers_as_published() -> None:
    """2,720 worlds of 3 agents, 8,192 rows of 64: the numbers measured on Metta's trainer."""
    experience, moments = fill(8192, 64, 2, 4080, "upstream")
    assert moments == [128, 127] and 4080 * sum(moments) == 1_040_400
    written = experience.values[:, :64]
    clean = (written[:, 1:] - written[:, :-1] == 1).all(1)
    assert (int(clean.sum()), int((~clean).sum())) == (4112, 4080)
    # A spliced row holds 63 agent-steps of one agent and the last column of another.
    spliced = written[~clean]
    assert (spliced[:, 1:63] - spliced[:, :62] == 1).all() and (spliced[:, 63] // 1000 != spliced[:, 62] // 1000).all()


def test_offloaded_observations_stay_in_host_memory() -> None:
    """A device of torch's that holds no data stands in for a GPU."""
    there = torch.device("meta")
    batch: Any = SimpleNamespace(segments=4, bptt_horizon=2)
    experience = Experience(
        batch,
        SimpleNamespace(row_policy="exact"),  # type: ignore[arg-type]
        num_groups=1,
        agents_per_group=4,
        observation_shape=(3,),
        observation_dtype=torch.uint8,
        hidden_size=None,
        device=there,
        offload=True,
    )
    assert experience.observations.device.type == "cpu" and experience.values.device == there
    fetched = experience.observations_of(slice(1, 3))
    assert fetched.device == there and fetched.shape == (2, 2, 3)

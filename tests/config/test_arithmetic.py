"""Row allocation against an independent step-by-step model, and the small formulas at their edges."""

import random

import pytest

from metta_puffer.config import arithmetic as a


def simulate(rows: int, n: int, groups: int, horizon: int) -> tuple[int, int, list[str], list[int]]:
    """Metta's experience buffer, cell by cell: (collected, overwritten, fate of each row, recvs of each group)."""
    writer = [[-1] * horizon for _ in range(rows)]  # which visit wrote each cell
    written = [0] * rows  # cells written into each row
    slots = [[group * n + i for i in range(n)] for group in range(groups)]
    position, visit = [0] * groups, list(range(groups))
    free, full, collected, group, visits = groups * n % rows, 0, 0, 0, groups
    recvs = [0] * groups
    while full < rows:
        for slot in slots[group]:
            writer[slot][position[group]] = visit[group]
            written[slot] += 1
        collected += n
        recvs[group] += 1
        position[group] += 1
        if position[group] == horizon:
            slots[group] = [(free + i) % rows for i in range(n)]
            free = (free + n) % rows
            position[group], visit[group] = 0, visits
            visits += 1
            full += n
        group = (group + 1) % groups
    fates = [
        "spliced" if len(set(row)) > 1 else "overwritten" if count > horizon else "clean"
        for row, count in zip(writer, written, strict=True)
    ]
    kept = sum(cell >= 0 for row in writer for cell in row)
    return collected, collected - kept, fates, recvs


def test_row_allocation_equals_the_simulation() -> None:
    generator = random.Random(20261121)
    for _ in range(10_000):
        n, groups, horizon = generator.randint(1, 6), generator.randint(1, 5), generator.randint(1, 5)
        rows = generator.randint(n * groups, n * groups * 4 + 7)
        found = a.allocate_rows(rows, n, groups, horizon)
        collected, overwritten, fates, recvs = simulate(rows, n, groups, horizon)
        shape = (rows, n, groups, horizon)
        spliced = fates.count("spliced")
        assert (found.collected, found.overwritten, found.spliced_rows) == (collected, overwritten, spliced), shape
        assert [found.recvs - (group >= groups - found.groups_behind) for group in range(groups)] == recvs, shape
        assert found.clean_rows == rows - spliced, shape
        spans = a.row_spans(rows, n, groups, horizon)
        assert [span.fate for span in spans for _ in range(span.length)] == fates, shape
        assert [span.start for span in spans] == [sum(s.length for s in spans[:i]) for i in range(len(spans))]


@pytest.mark.parametrize(
    "number, wanted, nearest",
    [
        (8160, 256, 255),
        (8192, 256, 256),
        (7, 3, 7),
        (12, 5, 6),
        (1, 9, 1),
        (0, 4, 1),
        (2**62, 2**20 + 5, 2**20),
        (2**61 - 1, 100, 1),
    ],
)
def test_nearest_divisor(number: int, wanted: int, nearest: int) -> None:
    assert number % nearest == 0
    assert a.nearest_divisor(number, wanted) == nearest


def test_fitting_workers_obey_every_rule() -> None:
    for envs in range(1, 40):
        for batch in range(1, envs + 1):
            for cores in (1, 2, 5, 16):
                allowed = [w for w in range(1, min(envs, cores) + 1) if envs % w == 0 and batch % (envs // w) == 0]
                assert a.fitting_workers(envs, batch, cores) == max(allowed, default=1)


def test_rounds_are_exact_where_floats_are_not() -> None:
    assert a.total_epochs(2**63 - 1, 2) == 2**62
    assert a.total_epochs(10, 3) == 4


def test_native_target_follows_each_version() -> None:
    assert a.native_envs_per_forward(10, 100, 1, "2025-07") == 1
    assert a.native_envs_per_forward(10, 100, 1, "2026-01") == 2
    assert a.native_envs_per_forward(4096, 3, 16, "2025-07") == 1360
    assert a.native_envs_per_forward(96, 12, 16, "ours") == 8
    assert a.native_envs_per_forward(4096, 3, 2, "ours", 2) == 1365  # each worker is one whole group
    assert a.native_envs_per_forward(4096, 3, 16, "ours", 2) == 1360


def test_cosine_ends_at_zero() -> None:
    assert a.cosine_learning_rate(0.1, 0, 10) == 0.1
    assert a.cosine_learning_rate(0.1, 10, 10) == 0

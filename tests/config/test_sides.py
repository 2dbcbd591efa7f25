"""The numbers of the published comparison table come out of the published files."""

import math

import pytest

from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.sides import Side, native_side, puffer_side
from tests.config.conftest import CONFIGS, Published

PUBLISHED_PUFFER = {
    "envs": 64,
    "workers": 16,
    "agents_per_env": 64,
    "total_agents": 4096,
    "envs_per_forward": 32,
    "agents_per_forward": 2048,
    "batch_size": 262_144,
    "minibatch_size": 32_768,
    "segments": 4096,
    "minibatch_segments": 512,
    "num_minibatches": 8,
    "gradient_updates_per_epoch": 8,
    "agent_steps_per_gradient": 32_768,
    "agent_steps_collected_per_epoch": 262_144,
    "wasted_fraction": 0,
    "env_steps_per_epoch": 4096,
    "steps_per_env_per_epoch": 64,
    "total_epochs": 1145,
    "groups": 2,
    "distinct_env_seeds": 19,
    "final_agent_steps": 1145 * 262_144 + 32 * 262_144,
}
PUBLISHED_NATIVE = {
    "envs": 2720,
    "workers": 16,
    "agents_per_env": 3,
    "total_agents": 8160,
    "envs_per_forward": 1360,
    "agents_per_forward": 4080,
    "batch_size": 524_288,
    "minibatch_size": 16_384,
    "segments": 8192,
    "minibatch_segments": 256,
    "num_minibatches": 32,
    "agent_steps_per_gradient": 16_384,
    "agent_steps_trained_per_epoch": 524_288,
    "agent_steps_collected_per_epoch": 1_040_400,
    "agent_steps_overwritten_per_epoch": 516_112,
    "spliced_rows": 4080,
    "clean_rows": 4112,
    "env_steps_per_epoch": 346_800,
    "steps_per_env_per_epoch": 127.5,
    "agent_steps_collected_per_gradient": 32_512.5,
    "total_epochs": 9612,
    "total_gradient_updates": 307_584,
    "distinct_env_seeds": 185,
    "observation_buffer_bytes": 314_572_800,
}


def test_published_puffer_quantities(published: Published, cluster: Machine) -> None:
    side = puffer_side(load_puffer(published.metta_2025_08), cluster, agents=64)
    assert {name: side.value(name) for name in PUBLISHED_PUFFER} == PUBLISHED_PUFFER
    assert side.value("seen_fraction") == pytest.approx(0.656, abs=5e-4)


def test_published_native_quantities(published: Published, cluster: Machine) -> None:
    side = native_side(load_native(published.trainer_2025_08), cluster, agents=3, workers=16)
    assert {name: side.value(name) for name in PUBLISHED_NATIVE} == PUBLISHED_NATIVE
    assert side.value("wasted_fraction") == pytest.approx(516_112 / 1_040_400)
    assert side.value("seen_fraction") == pytest.approx(0.638, abs=5e-4)


# agents, workers: worlds built, total agents, groups, collected, spliced rows (spec table 4.3)
SCALING = [
    (1, 1, 4096, 4096, 1, 524_288, 0),
    (3, 1, 1365, 4095, 1, 786_240, 0),
    (24, 1, 170, 4080, 1, 783_360, 0),
    (64, 1, 64, 4096, 1, 524_288, 0),
    (3, 8, 2720, 8160, 2, 1_040_400, 4080),
    (4, 8, 2048, 8192, 2, 524_288, 0),
    (24, 8, 336, 8064, 2, 1_028_160, 4032),
    (24, 16, 320, 7680, 2, 979_200, 3840),
    (64, 16, 128, 8192, 2, 524_288, 0),
]


@pytest.mark.parametrize("row", SCALING, ids=lambda row: f"{row[0]} agents, {row[1]} workers")
def test_upstream_scaling(row: tuple[int, ...], published: Published, cluster: Machine) -> None:
    agents, workers, *expected = row
    side = native_side(load_native(published.trainer_2025_08), cluster, agents=agents, workers=workers)
    names = ("envs", "total_agents", "groups", "agent_steps_collected_per_epoch", "spliced_rows")
    assert [side.value(name) for name in names] == expected


def test_every_formula_yields_its_value(published: Published, cluster: Machine) -> None:
    """What --explain prints is what is computed."""
    functions = {"ceil": math.ceil, "cos": math.cos, "pi": math.pi, "inf": math.inf, "max": max, "min": min}
    sides: list[Side] = [
        puffer_side(load_puffer(path), cluster, agents=agents)
        for path in (published.metta_2025_08, published.metta_2025_09, published.metta_3_0_0)
        for agents in (None, 3)
    ]
    sides.append(puffer_side(load_puffer(CONFIGS / "puffer" / "arena-small.ini"), cluster))
    sides += [
        native_side(
            load_native(published.trainer_2025_08), cluster, agents=agents, workers=workers, semantics=semantics
        )  # type: ignore[arg-type]
        for agents in (1, 3, 24, 100, 5000)
        for workers in (1, 3, 16)
        for semantics in ("2025-07", "2026-01", "ours")
    ]
    sides.append(native_side(load_native(CONFIGS / "native" / "arena-small.yaml"), cluster))
    for side in sides:
        for quantity in side.quantities.values():
            inputs = {entry.name: entry.value for entry in quantity.inputs}
            if quantity.formula not in inputs and quantity.formula and "." not in quantity.formula.split()[0]:
                value = eval(quantity.formula, {"__builtins__": {}}, {**functions, **inputs})
                assert value == pytest.approx(quantity.value), (side.name, quantity.name)
            for entry in quantity.inputs:
                if entry.source == "quantity":
                    assert side.value(entry.name) == entry.value

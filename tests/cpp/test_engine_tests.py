"""Runs the tests of tests/cpp/*.cpp, which `make setup` builds beside the extension."""

import subprocess
from pathlib import Path

import pytest

from metta_puffer import _engine

PROGRAM = Path(_engine.__file__).parent / "engine_tests"
REMEDY = f"{PROGRAM} is missing: run `make setup`, or install with -C cmake.define.METTA_PUFFER_CPP_TESTS=ON"


def names() -> list[str]:
    if not PROGRAM.exists():
        return ["not built"]
    return subprocess.run([PROGRAM, "--list"], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("name", names())
def test_engine(name: str) -> None:
    assert PROGRAM.exists(), REMEDY
    run = subprocess.run([PROGRAM, name], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_encoder_is_measured() -> None:
    """What `python -m benchmarks.encoder` reads: nanoseconds and tokens of every episode."""
    run = subprocess.run([PROGRAM, "--encoder", "11", "200", "3"], capture_output=True, text=True, check=True)
    held = [float(line.split()[1]) for line in run.stdout.splitlines()]
    assert len(held) == 3
    assert all(3 < tokens < 200 for tokens in held), "the global tokens and what stands around"

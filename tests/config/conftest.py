from dataclasses import dataclass
from pathlib import Path

import pytest

from metta_puffer.config.machine import Machine
from tests.config import upstream

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True)
class Published:
    metta_2025_08: str
    metta_2025_09: str
    metta_3_0_0: str
    trainer_2025_08: str


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The published files on disk, the inis beside their default.ini."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "default-3.0.0.ini").write_text(upstream.DEFAULT_INI)
    paths = {}
    for name, ending, text in (
        ("metta_2025_08", "ini", upstream.METTA_2025_08_INI),
        ("metta_2025_09", "ini", upstream.METTA_2025_09_INI),
        ("metta_3_0_0", "ini", upstream.METTA_3_0_0_INI),
        ("trainer_2025_08", "yaml", upstream.TRAINER_2025_08_YAML),
    ):
        path = folder / f"{name}.{ending}"
        path.write_text(text)
        paths[name] = str(path)
    return Published(**paths)


@pytest.fixture
def cluster() -> Machine:
    return Machine(physical_cores=64, logical_cpus=128, gpus=1)


@pytest.fixture
def laptop() -> Machine:
    return Machine(physical_cores=2, logical_cpus=2, gpus=0)

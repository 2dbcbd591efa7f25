"""An installed wheel finds its default files although there is no checkout beside it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.config.conftest import CONFIGS

ROOT = CONFIGS.parent


def test_the_audit_runs_from_an_installed_tree(tmp_path: Path) -> None:
    """The tree as CMakeLists.txt installs it; `-S` keeps the checkout's editable install out of the way."""
    package = tmp_path / "site" / "metta_puffer"
    for part in ("config", "cli"):
        shutil.copytree(ROOT / "metta_puffer" / part, package / part)
    for module in (ROOT / "metta_puffer").glob("*.py"):
        shutil.copy(module, package)
    assert "install(DIRECTORY configs/ DESTINATION metta_puffer/_configs)" in (ROOT / "CMakeLists.txt").read_text()
    shutil.copytree(CONFIGS, package / "_configs")
    mine = tmp_path / "mine.ini"
    mine.write_text("[base]\nenv_name = mine\n[train]\ntotal_timesteps = 50_000_000\n")
    native = tmp_path / "mine.yaml"
    native.write_text("trainer:\n  total_timesteps: 50_000_000\n")
    found = subprocess.run(
        [sys.executable, "-S", "-m", "metta_puffer.cli.audit", "--puffer", str(mine), "--native", str(native)],
        env={**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{sysconfig.get_path('purelib')}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode in (0, 1), found.stderr
    assert "50,000,000" in found.stdout

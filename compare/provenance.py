"""How to get the same numbers again: command, code, versions, hardware."""

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("metta-puffer", "mettagrid", "pufferlib-core", "torch", "numpy")


def versions() -> dict[str, str]:
    """Our version and those of the packages that shape a result."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def hardware() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cpus": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": _gpus(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _gpus() -> list[str]:
    driver = Path("/proc/driver/nvidia/gpus")
    if not driver.is_dir():
        return []
    descriptions = (entry / "information" for entry in sorted(driver.iterdir()))
    return [text.read_text().splitlines()[0].partition(":")[2].strip() for text in descriptions if text.exists()]


def commit() -> str | None:
    """The commit of this code, marked where files differ from it; None outside a git checkout."""
    root = Path(__file__).resolve().parent.parent
    try:
        head = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "-C", root, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + (" with local changes" if changed.stdout.strip() else "")


def provenance() -> dict[str, Any]:
    return {
        "command": shlex.join(["python", *sys.argv]),
        "folder": os.getcwd(),
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
    }

"""Writes configurations as files that the readers read back to the same values."""

from pathlib import Path
from typing import Any

from metta_puffer.config.native_model import NativeConfig
from metta_puffer.config.puffer_model import PufferConfig
from metta_puffer.errors import UserError


def write_ini(path: Path, config: PufferConfig, heading: str) -> Path:
    lines = [f"# {line}" for line in heading.splitlines()]
    for section, values in _sections(config.model_dump()).items():
        lines += ["", f"[{section}]"]
        lines += [f"{key} = {value}" for key, value in values.items() if not isinstance(value, dict)]
    return _write(path, "\n".join(lines) + "\n")


def write_yaml(path: Path, config: NativeConfig, heading: str) -> Path:
    import yaml

    text = yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True)
    return _write(path, "".join(f"# {line}\n" for line in heading.splitlines()) + "\n" + text)


def _sections(tree: dict[str, Any], prefix: str = "") -> dict[str, dict[str, Any]]:
    """Nested mappings as ini sections with dotted names."""
    found: dict[str, dict[str, Any]] = {}
    for name, values in tree.items():
        if isinstance(values, dict):
            dotted = f"{prefix}{name}"
            if not values or any(not isinstance(value, dict) for value in values.values()):
                found[dotted] = values
            found.update(_sections(values, f"{dotted}."))
    return found


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"cannot be written: {reason}", remedy="give another folder with --out", file=str(path)
        ) from None
    return path

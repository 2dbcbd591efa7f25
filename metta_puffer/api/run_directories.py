"""Where a run keeps its files, and what it was started with."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
import yaml

import metta_puffer
from metta_puffer.config.native_model import Trainer
from metta_puffer.errors import UserError


@dataclass(frozen=True)
class RunDirectories:
    run_name: str
    run_dir: str
    checkpoint_dir: str
    replay_dir: str
    stats_dir: str


def setup_run_directories(run_name: str | None = None, data_dir: str = "runs") -> RunDirectories:
    """Makes DATA_DIR/RUN_NAME (None: api-TIME) with its folders. Raises UserError where it may not be written."""
    name = run_name or datetime.now().strftime("api-%Y%m%d-%H%M%S")
    run = Path(data_dir) / name
    dirs = RunDirectories(name, str(run), *(str(run / inner) for inner in ("checkpoints", "replays", "stats")))
    try:
        for folder in (dirs.checkpoint_dir, dirs.replay_dir, dirs.stats_dir):
            Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"the run folder cannot be made ({error.strerror})",
            file=dirs.run_dir,
            key="data_dir",
            value=data_dir,
            remedy="choose a folder that you may write to",
        ) from error
    return dirs


def save_experiment_config(dirs: RunDirectories, device: torch.device | str, trainer_config: Trainer) -> Path:
    """Writes RUN_DIR/config.yaml: the trainer's settings, which `metta-native train --config` reads, and above them, as
    comments, the run's folders, device, time and versions. Raises UserError where it cannot be written."""
    settings: dict[str, Any] = {"trainer": trainer_config.model_dump(mode="json"), "device": str(device)}
    about = {
        **asdict(dirs),
        "started": datetime.now().isoformat(timespec="seconds"),
        "metta_puffer": metta_puffer.__version__,
        "torch": torch.__version__,
    }
    text = "".join(f"# {name}: {value}\n" for name, value in about.items()) + yaml.safe_dump(settings, sort_keys=False)
    path = Path(dirs.run_dir) / "config.yaml"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror})", file=str(path), remedy="check the folder and the disk's space"
        ) from error
    return path

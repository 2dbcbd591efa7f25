"""The weights a run began with: a digest of every tensor, written once, so that equal starts can be checked."""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

INITIAL_WEIGHTS_FILE = "initial_weights.json"

log = logging.getLogger(__name__)


def record_initial_weights(policy: "nn.Module", run_dir: str | os.PathLike[str]) -> None:
    """Write shape and SHA-256 of each tensor's float32 bytes. Call it before the first update of a run that begins.

    A folder that cannot be written is logged: the run itself does not need this.
    """
    tensors = policy.state_dict()
    digests = {
        # DistributedDataParallel puts its own name before each.
        name.removeprefix("module."): [
            list(tensor.shape),
            hashlib.sha256(tensor.detach().float().cpu().contiguous().numpy().tobytes()).hexdigest(),
        ]
        for name, tensor in tensors.items()
    }
    path = Path(run_dir) / INITIAL_WEIGHTS_FILE
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(digests, indent=0) + "\n")
        os.replace(draft, path)
    except OSError as error:
        log.warning("the digest of the initial weights is not written: %s", error)


def read_initial_weights(run_dir: str | os.PathLike[str]) -> dict[str, tuple[tuple[int, ...], str]] | None:
    """(shape, digest) by tensor; None where the run recorded none."""
    try:
        digests = json.loads((Path(run_dir) / INITIAL_WEIGHTS_FILE).read_text())
    except (OSError, ValueError):
        return None
    return {name: (tuple(shape), digest) for name, (shape, digest) in digests.items()}

"""A policy's weights out of a file of either trainer."""

import io
import pickle
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from metta_puffer import uris
from metta_puffer.errors import UserError

SUFFIXES = (".pt", ".safetensors")  # PuffeRL's, the native trainer's


def read_weights(location: uris.Location) -> dict[str, Tensor]:
    """The state_dict in a `.pt` of PuffeRL or a `weights.safetensors` of the native trainer, a path or URI.

    Names lose the 'module.' that DDP puts before them. No code from the file is run. Raises UserError for a file that
    is missing or holds no weights.
    """
    content = uris.read_bytes(location)
    try:
        if str(location).endswith(".safetensors"):
            weights = load_safetensors(content)
        else:
            weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, BadZipFile, ValueError, KeyError, SafetensorError) as error:
        raise _no_weights(location) from error
    if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise _no_weights(location)
    return {name.removeprefix("module."): tensor for name, tensor in weights.items()}


def _no_weights(location: uris.Location) -> UserError:
    return UserError(
        "holds no policy weights, or is damaged",
        file=str(location),
        remedy="give a model_*.pt that `puffer train` wrote, or the weights.safetensors of a native version",
    )

"""Weights of an earlier run to begin with."""

from torch import nn

from metta_puffer import uris
from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.policies.weights import SUFFIXES, read_weights


class InitialPolicy:
    """The weights at `location`: a run folder, RUN:vN, RUN:latest, a PuffeRL model_*.pt, or the URI of one.

    Raises UserError without any.
    """

    def __init__(self, location: uris.Location) -> None:
        self._location = location
        if str(location).endswith(SUFFIXES):
            self._version, self._weights = str(location), read_weights(location)
            return
        self._version = checkpoints.resolve(location)
        self._weights = checkpoints.load(self._version).weights

    def put_into(self, policy: nn.Module) -> None:
        """Raises UserError where they belong to another policy or game, naming the first difference."""
        try:
            policy.load_state_dict(self._weights)
        except RuntimeError as error:
            raise UserError(
                f"the weights in {self._version} belong to another policy or game "
                f"({str(error).splitlines()[1].strip()})",
                key="trainer.initial_policy",
                value=str(self._location),
                remedy="use the policy, its options and the game that they were trained with",
            ) from error

"""Hidden states that change slowly within an episode."""

from torch import Tensor

from metta_puffer.config.loss_options import StableLatentOptions
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch


class StableLatent(LossTerm):
    """Mean squared change of the hidden state from one moment to the next of the same episode."""

    def __init__(self, context: Context, options: StableLatentOptions) -> None:
        super().__init__()

    def forward(self, batch: Minibatch) -> Tensor:
        same = 1.0 - batch.resets[:, 1:]
        change = (batch.hidden[:, 1:] - batch.hidden[:, :-1]).square().mean(-1)
        return (change * same).sum() / same.sum().clamp(min=1.0)

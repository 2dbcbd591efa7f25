"""InfoNCE between a moment and a later one of the same episode (van den Oord et al. 2018)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from metta_puffer.config.loss_options import ContrastiveOptions
from metta_puffer.native.losses.term import Context, LossTerm, Minibatch


def future_in_episode(resets: Tensor, offsets: Tensor) -> Tensor:
    """For each moment the one `offsets` [m, T] later, or the last one of its episode in the row: int64 [m, T]."""
    rows, horizon = resets.shape
    t = torch.arange(horizon, device=resets.device)
    begins = torch.where(resets > 0, t, horizon)
    # Next beginning strictly after t: the smallest of those behind it.
    after = torch.cat([begins[:, 1:], torch.full((rows, 1), horizon, device=resets.device)], dim=1)
    next_begin = after.flip(1).cummin(1).values.flip(1)
    return torch.minimum(t + offsets, next_begin - 1)


class Contrastive(LossTerm):
    """Anchor: a moment; positive: a geometrically distributed time later; negatives: all others of the minibatch."""

    def __init__(self, context: Context, options: ContrastiveOptions) -> None:
        super().__init__()
        self.project = nn.Linear(context.width, options.size)
        self._temperature, self._stop, self._anchors = options.temperature, 1.0 / options.mean_offset, options.anchors

    def forward(self, batch: Minibatch) -> Tensor:
        shape, device = batch.resets.shape, batch.resets.device
        uniform = torch.rand(shape, generator=batch.generator, device=device).clamp(min=1e-12)
        offsets = 1 + (uniform.log() / torch.log1p(torch.tensor(-self._stop))).long()
        later = future_in_episode(batch.resets, offsets)
        rows, t = (later > torch.arange(shape[1], device=device)).nonzero(as_tuple=True)
        if len(rows) < 2:  # nothing to tell apart
            return batch.hidden.sum() * 0.0
        chosen = torch.randperm(len(rows), generator=batch.generator, device=device)[: self._anchors]
        rows, t = rows[chosen], t[chosen]
        anchors = normalize(self.project(batch.hidden[rows, t]), dim=-1)
        positives = normalize(self.project(batch.hidden[rows, later[rows, t]]), dim=-1)
        logits = anchors @ positives.T / self._temperature
        return cross_entropy(logits, torch.arange(len(rows), device=device))

"""The categorical action distribution over logits [n, actions]."""

import torch
from torch import Tensor


def sample(logits: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One action for each row: int64 [n], and its log-probability float32 [n]."""
    log_probs = torch.log_softmax(logits.float(), dim=-1)
    actions = torch.multinomial(log_probs.exp(), 1, replacement=True, generator=generator)
    return actions.squeeze(-1), log_probs.gather(-1, actions).squeeze(-1)


def evaluate(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability of given actions [n] and entropy (natural logarithm), both float32 [n]."""
    log_probs = torch.log_softmax(logits.float(), dim=-1)
    chosen = log_probs.gather(-1, actions.reshape(-1, 1)).squeeze(-1)
    return chosen, -(log_probs.exp() * log_probs).sum(-1)

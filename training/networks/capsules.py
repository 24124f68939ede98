"""Capsules that read the statistics of a feature map and agree on a class (Nguyen et al., ICASSP 2019)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE = 8
"""Length of a primary capsule's vector."""


class Statistics(nn.Module):
    """``(N, C, h, w)`` -> ``(N, 2, C)``: mean and deviation of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.stack([x.mean((2, 3)), x.std((2, 3))], 1)


def primary(dim: int) -> nn.Sequential:
    """A primary capsule: ``(N, dim, h, w)`` -> ``(N, 1, SIZE)``."""
    capsule = nn.Sequential(
        nn.Conv2d(dim, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Conv2d(64, 2 * SIZE, 3, padding=1),
        nn.BatchNorm2d(2 * SIZE),
        nn.ReLU(),
        Statistics(),
        nn.Conv1d(2, 8, 5, stride=2, padding=2),
        nn.BatchNorm1d(8),
        nn.Conv1d(8, 1, 3, padding=1),
        nn.BatchNorm1d(1),
    )
    for module in capsule:
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return capsule


class Routing(nn.Module):
    """Dynamic routing of ``capsules`` vectors ``(N, SIZE, capsules)`` to one of 4 values per class, ``(N, 4, 2)``.

    Args:
        capsules: how many.
        noise: deviation of the noise on the weights while training.
        dropout: of the votes.
        rounds: of routing.
    """

    def __init__(self, capsules: int, noise: float, dropout: float, rounds: int = 2) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, capsules, 4, SIZE))
        self.noise, self.dropout, self.rounds = noise, dropout, rounds

    def forward(self, vectors: Tensor) -> Tensor:
        """Outputs of the two class capsules."""
        weight = self.weight
        if self.training:
            weight = weight + self.noise * torch.randn_like(weight)
        votes = F.dropout(torch.einsum("kcoi,nic->nkco", weight, vectors), self.dropout, self.training)
        logits = torch.zeros_like(votes)
        for step in range(self.rounds):
            outputs = squash((logits.softmax(2) * votes).sum(2, keepdim=True))
            if step < self.rounds - 1:
                logits = logits + votes * outputs
        return outputs.squeeze(2).transpose(1, 2)


def squash(x: Tensor) -> Tensor:
    """Vectors along the last axis, shrunk to a length below 1."""
    square = x.square().sum(-1, keepdim=True).clamp_min(1e-12)
    return x * square.sqrt() / (1 + square)

"""Heads and small layers that several detectors put on a backbone's features."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ArcHead(nn.Module):
    """Scaled cosines to class directions, with an angular margin on the true class (Deng et al., CVPR 2019, eq. 3).

    Args:
        dim: of the features.
        classes: how many.
        scale: logits lie in [-scale, scale].
        margin: radians added to the angle to the true class while training.
    """

    def __init__(self, dim: int, classes: int = 2, scale: float = 16.0, margin: float = 0.2) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(classes, dim)))
        self.scale, self.margin = scale, margin

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Logits ``(N, classes)`` of features ``(N, dim)``; with ``label`` the true class has to win by the margin."""
        cosine = F.linear(F.normalize(z, dim=1), F.normalize(self.weight, dim=1))
        if label is None:
            return self.scale * cosine
        theta = cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos()
        # Beyond pi the shifted cosine would rise again; a straight line keeps it falling.
        shifted = torch.where(
            theta + self.margin < math.pi,
            (theta + self.margin).cos(),
            cosine - self.margin * math.sin(self.margin),
        )
        return self.scale * torch.where(F.one_hot(label, cosine.shape[1]).bool(), shifted, cosine)


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: Tensor) -> Tensor:
        ctx.save_for_backward(strength)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (strength,) = ctx.saved_tensors
        return -strength * gradient, None


def reverse_gradient(x: Tensor, strength: Tensor) -> Tensor:
    """``x`` unchanged; on the way back its gradient times ``-strength`` (Ganin & Lempitsky, ICML 2015, eq. 15)."""
    return _Reverse.apply(x, strength)


class IdentityDiscriminator(nn.Module):
    """Names the person from a feature, while the reversed gradient takes from the feature what it goes by.

    Args:
        dim: of the features.
        persons: how many there are to tell apart.
        strength: largest factor of the reversed gradient; it rises from 0 with the epochs.
    """

    def __init__(self, dim: int, persons: int, strength: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, 256), nn.GELU(), nn.Linear(256, persons))
        self.strength = strength
        self.register_buffer("reversal", torch.zeros(()))

    def ramp(self, share: float) -> None:
        """Set the factor for a run of which ``share`` is done: 0 at its start (Ganin & Lempitsky, section 4.1)."""
        self.reversal.fill_(self.strength * (2 / (1 + math.exp(-10 * share)) - 1))

    def judge(self, feature: Tensor, person: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross entropy of the rows ``feature (N, dim)`` whose ``person (N,)`` is known (not -1), and the share of
        them that are named rightly; 0 if none is known.
        """
        known = (person >= 0).nonzero().flatten()
        logits, person = self.layers(reverse_gradient(feature, self.reversal))[known], person[known]
        count = max(len(known), 1)
        right = (logits.detach().argmax(1) == person).sum()
        return F.cross_entropy(logits, person, reduction="sum") / count, right / count

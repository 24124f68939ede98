"""Losses and augmentation of features on the unit sphere."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def _pairs(z: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of all unordered pairs of rows."""
    first, second = torch.triu_indices(len(z), len(z), 1, device=z.device)
    return first, second


def alignment(z: Tensor, label: Tensor) -> Tensor:
    """Mean squared distance of the pairs with equal label; 0 if there are none (Wang & Isola, ICML 2020, eq. 7).

    Args:
        z: ``(N, d)``, unit rows.
        label: ``(N,)``.
    """
    first, second = _pairs(z)
    same = (label[first] == label[second]).nonzero().flatten()
    if not len(same):
        return z.sum() * 0
    return (z[first[same]] - z[second[same]]).square().sum(1).mean()


def uniformity(z: Tensor, temperature: float = 2.0) -> Tensor:
    """Log of the mean Gaussian potential of all pairs of unit rows ``(N, d)`` (Wang & Isola, eq. 8); 0 for one row."""
    if len(z) < 2:
        return z.sum() * 0
    first, second = _pairs(z)
    distance = (z[first] - z[second]).square().sum(1)
    return (-temperature * distance).exp().mean().clamp_min(1e-6).log()


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The point a share ``t (N, 1)`` of the way from unit rows ``a`` to ``b (N, d)`` along the great circle."""
    a, b = F.normalize(a.float(), dim=1), F.normalize(b.float(), dim=1)
    # Equal and opposite rows have no single great circle; the clamp keeps sin(theta) off zero.
    theta = (a * b).sum(1, keepdim=True).clamp(-1 + 1e-7, 1 - 1e-7).acos()
    return (((1 - t) * theta).sin() * a + (t * theta).sin() * b) / theta.sin()


def same_class_slerp(z: Tensor, label: Tensor) -> Tensor:
    """Every row of ``z (N, d)`` moved a random share of the way to a random row of its class (arXiv 2503.19683)."""
    partner = torch.arange(len(z), device=z.device)
    for value in label.unique():
        rows = (label == value).nonzero().flatten()
        partner[rows] = rows[torch.randperm(len(rows), device=z.device)]
    return slerp(z, z[partner], torch.rand(len(z), 1, device=z.device))

"""Contrast by group (Khosla et al., Supervised contrastive learning, NeurIPS 2020)."""

from __future__ import annotations

import torch
from torch import Tensor


def supervised_contrast(z: Tensor, group: Tensor, temperature: float) -> Tensor:
    """How little each row prefers its group's other rows to all others (eq. 2), a mean over rows.

    Args:
        z: ``(..., n, d)``, unit rows; leading dimensions are sets of their own.
        group: ``(..., n)``.
        temperature: of the softmax over rows.

    Returns:
        A scalar; rows whose group has no other member, or all, do not count, and without any left it is 0.
    """
    itself = torch.eye(z.shape[-2], dtype=torch.bool, device=z.device)
    with torch.autocast(z.device.type, enabled=False):  # bf16 would blur the likeness of near rows
        likeness = (z.float() @ z.float().mT / temperature).masked_fill(itself, -torch.inf)
    share = likeness - likeness.logsumexp(-1, keepdim=True)  # its logarithm
    same = (group[..., :, None] == group[..., None, :]) & ~itself
    partners = same.sum(-1)
    each = -share.masked_fill(~same, 0).sum(-1) / partners.clamp_min(1)
    counts = (partners > 0) & (partners < z.shape[-2] - 1)
    return (each * counts).sum() / counts.sum().clamp_min(1)

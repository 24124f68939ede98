"""CAL's losses by confidence, and what it remembers of an epoch's confidences (AAAI 2026; OWDFA.md, 5.5)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATIO_LIMITS = 0.1, 10.0
"""Of novel to known confidence."""


def unused_entropy(logits: Tensor) -> Tensor:
    """What the mean prediction of all rows (N, C) lacks of the greatest entropy ``log C``."""
    mean = logits.softmax(1).mean(0)
    return math.log(logits.shape[1]) + torch.special.xlogy(mean, mean).sum()


def consistency(teacher: Tensor, student: Tensor, start: float) -> Tensor:
    """Mean cross-entropy of ``student`` with ``teacher``'s prediction (logits (N, C), no gradient), by its confidence.

    The weight is ``(1 - start) rho + start (1 - rho)`` for the confidence ``rho``; ``start`` goes from 0 to 1.
    """
    target = teacher.detach().softmax(1)
    rho = target.amax(1)
    weight = (1 - start) * rho + start * (1 - rho)
    return (weight * -(target * student.log_softmax(1)).sum(1)).mean()


def asymmetric(logits: Tensor, temperature: float, known: int, thresholds: tuple[float, Tensor]) -> Tensor:
    """Mean cross-entropy of ``logits`` (N, C) with their own class, of the rows that are confident; zero without any.

    ``thresholds`` of confidence, at ``temperature``: of the first ``known`` classes, and of the others.
    """
    confidence, label = (logits.detach() / temperature).softmax(1).max(1)
    keep = torch.where(label < known, confidence >= thresholds[0], confidence >= thresholds[1]).nonzero().flatten()
    return F.cross_entropy(logits[keep], label[keep]) if len(keep) else logits.sum() * 0


class Confidences(nn.Module):
    """Sums and counts of confidence since they were set to zero, for known and novel classes, and a threshold."""

    def __init__(self, known: int) -> None:
        super().__init__()
        self.known = known
        self.register_buffer("sums", torch.zeros(4))
        """Confidence and count of known, then of novel predictions."""
        self.register_buffer("novel", torch.zeros(()))
        """Confidence that a novel class needs; 0 until both sides were seen."""

    @torch.no_grad()
    def add(self, weak: Tensor, strong: Tensor) -> None:
        """Take in the pictures whose two views (logits (N, C)) agree on the class."""
        confidence, label = weak.detach().float().softmax(1).max(1)
        agree = label == strong.argmax(1)
        for at, side in enumerate((label < self.known, label >= self.known)):
            self.sums[2 * at] += confidence[agree & side].sum()
            self.sums[2 * at + 1] += (agree & side).sum()

    @torch.no_grad()
    def move(self, gamma: float) -> None:
        """Set the novel threshold to ``gamma`` times the ratio of both sides' mean confidence, if both were seen."""
        known, known_count, novel, novel_count = self.sums
        if known_count > 0 and novel_count > 0:
            ratio = (novel / novel_count) / (known / known_count)
            self.novel.copy_(gamma * ratio.clamp(*RATIO_LIMITS))

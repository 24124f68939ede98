"""The loss of a single-shot detector: where things are, and whether there are any.

Source: Liu et al., SSD: Single shot multibox detector (ECCV 2016), section 2.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.anchors import corners, encode, overlaps

THRESHOLD = 0.5
"""Intersection over union from which on a prior counts as a box."""


def match(boxes: Tensor, priors: Tensor) -> tuple[Tensor, Tensor]:
    """Which priors stand for a box, and the code that makes them that box.

    A prior stands for the box that it overlaps most, if by :data:`THRESHOLD`; every box besides claims the prior that
    it overlaps most, a later one first.

    Args:
        boxes: ``(N, M, 4)`` left, top, right, bottom; padding is NaN. Boxes without area count for nothing.
        priors: ``(A, 4)``.

    Returns:
        Codes ``(N, A, 4)``, 0 in a picture without boxes, and ``(N, A)`` bool.
    """
    boxes = F.pad(boxes, (0, 0, 0, 1), value=float("nan"))  # there is always one to take a maximum of
    valid = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    overlap = overlaps(boxes, corners(priors)).masked_fill(~valid[..., None], -1)
    best, owner = overlap.max(1)
    for number, claim in enumerate(overlap.argmax(2).unbind(1)):
        claimed = F.one_hot(claim, len(priors)).bool() & valid[:, number, None]
        best, owner = best.masked_fill(claimed, 2), owner.masked_fill(claimed, number)
    chosen = boxes.gather(1, owner[..., None].expand(-1, -1, 4))
    return encode(chosen, priors).masked_fill(~valid.any(1)[:, None, None], 0), best >= THRESHOLD


def multibox(
    location: Tensor, confidence: Tensor, boxes: Tensor, priors: Tensor, negatives: int = 2, of_real: int = 0
) -> tuple[Tensor, Tensor]:
    """Smooth L1 of the matched priors' codes, and cross-entropy of these and of the hardest others.

    Both are sums divided by the number of matched priors, or of pictures where that is larger.

    Args:
        location: codes ``(N, A, 4)``.
        confidence: logits of nothing and something ``(N, A, 2)``.
        boxes, priors: see :func:`match`.
        negatives: hardest others per matched prior of a picture.
        of_real: hardest others of a picture without boxes.
    """
    codes, positive = match(boxes, priors)
    error = F.cross_entropy(confidence.float().transpose(1, 2), positive.long(), reduction="none")
    counted = positive | hardest(error, positive, negatives, of_real)
    number = positive.sum().clamp_min(len(boxes))
    away = F.smooth_l1_loss(location.float(), codes, reduction="none").sum(-1)
    matched, learned = (which.nonzero(as_tuple=True) for which in (positive, counted))
    return away[matched].sum() / number, error[learned].sum() / number


def hardest(error: Tensor, positive: Tensor, negatives: int, of_real: int) -> Tensor:
    """Which priors ``(N, A)`` stand for nothing and have the largest ``error``: those that :func:`multibox` takes."""
    matched = positive.sum(1, keepdim=True)
    wanted = torch.where(matched > 0, negatives * matched, of_real).clamp_max(error.shape[1] - 1)
    rank = error.masked_fill(positive, 0).argsort(1, descending=True).argsort(1)
    return (rank < wanted) & ~positive

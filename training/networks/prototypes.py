"""Which prototypes of novel classes to keep: CAL's dynamic pruning (AAAI 2026; OWDFA.md, 5.5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def survivors(usage: Tensor, coverage: float) -> int:
    """How many of the prototypes to keep, given how many pictures each has, in falling order (n,).

    As many as hold a share ``coverage`` of the pictures. From there on, one by one, those that have at least the mean
    of the rest, or fall below the one before by at least the mean step of the rest.
    """
    usage = usage.float()
    total = usage.sum()
    first = int(torch.searchsorted(usage.cumsum(0) / total.clamp_min(1e-12), coverage))
    if total <= 0 or first >= len(usage):
        return len(usage)
    tail = usage[first:]
    steps = tail.diff().abs()
    step = steps.mean() if len(steps) else torch.zeros((), device=usage.device)
    fall = torch.cat([steps.new_zeros(1), steps])
    stays = (tail >= tail.mean()) | (fall >= step)
    stays[0] = True
    return first + int(stays.long().cumprod(0).sum())


def merged(anchors: Tensor, dropped: Tensor) -> Tensor:
    """``anchors`` (a, d) after each of ``dropped`` (b, d) joined the one nearest by cosine.

    An anchor that received any becomes the mean of itself and them, of unit length; the others stay as they are.
    """
    nearest = (F.normalize(dropped, dim=1) @ F.normalize(anchors, dim=1).T).argmax(1)
    received = torch.bincount(nearest, minlength=len(anchors))
    joined = anchors.index_add(0, nearest, dropped) / (1 + received)[:, None]
    return torch.where(received[:, None] > 0, F.normalize(joined, dim=1), anchors)

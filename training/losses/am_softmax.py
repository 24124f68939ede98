"""Softmax cross-entropy with an additive margin (Wang et al., IEEE Signal Processing Letters 2018, eq. 5)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def am_softmax(logits: Tensor, label: Tensor, margin: float, scale: float = 30.0) -> Tensor:
    """Cross-entropy of ``scale * logits`` (N, C) after the true class lost ``margin``.

    The paper's logits are cosines; SRM and SLADD, whose weights are published, apply it to linear logits.
    """
    return F.cross_entropy(scale * (logits - margin * F.one_hot(label, logits.shape[1])), label)

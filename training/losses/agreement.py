"""Two views of one picture that shall say the same."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def agreement(a: Tensor, b: Tensor, label: Tensor) -> Tensor:
    """Cross entropy of the logits ``a`` and ``b (N, C)``, and half the KL divergences between their softmaxes.

    Knowing the label keeps the two from agreeing on a constant; each is drawn to the other as it stands.
    """
    known = F.cross_entropy(a, label) + F.cross_entropy(b, label)
    return known + 0.5 * (_divergence(a, b) + _divergence(b, a))


def _divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """KL divergence of the student's softmax from the teacher's, which gets no gradient."""
    return F.kl_div(student.log_softmax(1), teacher.detach().softmax(1), reduction="batchmean")

"""What open-world attribution learns from pictures without labels: pairs, pseudo-labels, spread classes.

Source: Sun et al., contrastive pseudo learning for open-world deepfake attribution (ICCV 2023), sections 3.2 and 3.3;
its journal version on multiple perspectives (IJCV 2025). Formulas as the published code has them (OWDFA.md, 5).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.core.types import Batch

MARGIN = -0.2
"""CPL's margin on the true logit: negative, so the labelled pictures' task is made easier."""
LEAST_LOG = -100.0
"""Floor of a logarithm in binary cross-entropy, as in torch."""


def margin_cross_entropy(logits: Tensor, target: Tensor, margin: float, scale: float = 1.0) -> Tensor:
    """Cross-entropy after ``margin * scale`` was taken off the true class's logit (N, C); a negative margin helps it.

    Zero where there is no row.
    """
    shifted = logits - margin * scale * F.one_hot(target, logits.shape[1])
    return F.cross_entropy(shifted, target) if len(target) else logits.sum() * 0


def mean_entropy(logits: Tensor) -> Tensor:
    """Entropy of the mean prediction over all rows (N, C): large when all classes are used."""
    mean = logits.softmax(1).mean(0).clamp_min(1e-8)
    return -(mean * mean.log()).sum()


def mean_row_entropy(logits: Tensor) -> Tensor:
    """Mean over rows (N, C) of each prediction's entropy; zero where there is no row."""
    entropy = -(logits.softmax(1) * logits.log_softmax(1)).sum(1)
    return entropy.sum() / max(len(logits), 1)


def pair_agreement(logits: Tensor, partner: Tensor) -> Tensor:
    """Mean of ``-log(p_i . p_partner(i))``: a picture and its partner should get one class. ``partner``: (N,) rows."""
    p = logits.softmax(1)
    return -(p * p[partner]).sum(1).log().clamp_min(LEAST_LOG).mean()


def soft_pseudo(logits: Tensor, gumbel: Tensor) -> Tensor:
    """Per row of (N, C), cross-entropy with a drawn soft label, weighted by the confidence in its class.

    The label is ``softmax(logits + gumbel)`` (Gumbel-softmax of temperature 1), without gradient; the weight has one.
    """
    label = (logits.detach() + gumbel).softmax(1)
    weight = logits.softmax(1).gather(1, label.argmax(1, keepdim=True)).squeeze(1)
    return -(label * logits.log_softmax(1)).sum(1) * weight


def gumbel_like(logits: Tensor) -> Tensor:
    """Standard Gumbel noise of the shape of ``logits``."""
    return -torch.empty_like(logits).exponential_().log()


def same_label_partner(label: Tensor) -> Tensor:
    """Per row of ``label`` (L,) a random other row of the same label; the row itself where it is the only one."""
    other = (label[:, None] == label) & ~torch.eye(len(label), dtype=torch.bool, device=label.device)
    alone = (~other.any(1)).nonzero().flatten()
    other[alone, alone] = True
    return torch.multinomial(other.float(), 1).squeeze(1)


def contrastive_pseudo(
    logits: Tensor, batch: Batch, neighbor: Tensor, trusted: Tensor, gumbel: Tensor
) -> dict[str, Tensor]:
    """The parts of CPL's and MPSL's loss: ``cls``, ``pairs``, ``pseudo``, ``entropy``.

    Args:
        logits: ``(N, classes)``.
        batch: says which rows are labelled, and how.
        neighbor: ``(N,)`` partner of each unlabelled row.
        trusted: ``(N,)`` which unlabelled rows learn from their pseudo-label.
        gumbel: ``(N, classes)`` noise.
    """
    known, hidden = (rows.nonzero().flatten() for rows in (batch.labelled, ~batch.labelled))
    partner = neighbor.clone()
    if len(known):
        partner[known] = known[same_label_partner(batch.method[known])]
    pseudo = soft_pseudo(logits[hidden], gumbel[hidden]) * trusted[hidden]
    return {
        "cls": margin_cross_entropy(logits[known], batch.method[known], MARGIN),
        "pairs": pair_agreement(logits, partner),
        "pseudo": pseudo.sum() / max(len(hidden), 1),
        "entropy": mean_entropy(logits),
    }

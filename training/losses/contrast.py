"""UCF's contrast of reals and fakes, in common and specific features (Yan et al., ICCV 2023, eq. 7)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def contrast(common: Tensor, specific: Tensor, method: Tensor, margin: float) -> Tensor:
    """Rows are reals, then as many fakes: each near its own kind, far from the other (eq. 7).

    Common features are grouped by label, specific ones by method.
    """
    total = common.new_zeros(())
    for mine, yours in ((0, 1), (1, 0)):
        c, s, m = ([x.chunk(2)[i] for i in (mine, yours)] for x in (common, specific, method))
        total = total + _triplet(c[0], shuffled(c[0]), shuffled(c[1]), margin)
        total = total + _triplet(_same_method(s[0], m[0]), s[0], shuffled(s[1]), margin)
    return total


def _triplet(anchor: Tensor, near: Tensor, far: Tensor, margin: float) -> Tensor:
    return (F.pairwise_distance(anchor, near) - F.pairwise_distance(anchor, far) + margin).relu().mean()


def shuffled(x: Tensor) -> Tensor:
    """The rows of ``x`` in random order."""
    return x[torch.randperm(len(x), device=x.device)]


def _same_method(x: Tensor, method: Tensor) -> Tensor:
    """Per row of ``x`` a random row of the same method."""
    same = (method[:, None] == method).float()
    return x[torch.multinomial(same, 1).squeeze(1)]

"""Contrastive pseudo learning: partners by global and local similarity, soft pseudo-labels by confidence.

Source: Sun et al., contrastive pseudo learning for open-world deepfake attribution (ICCV 2023), sections 3.2 and 3.3.
Loss: ``L = CE + 0.5 L_GLV + 0.5 L_CSP - H``. ``L_GLV`` is ``-log p_i . p_j`` for each picture and its partner: another
one of its label, or for unlabelled ones the global neighbor that the parts vote for (else the picture itself).
``L_CSP``: cross-entropy with a drawn soft label, weighted by confidence, of those that got a vote. ``H``: entropy of
the mean prediction.
Follows the published code in two places: the "margin" of CE adds 0.2 to the true logit, and the confidence weight has
a gradient. Deviation: short batches have partners too (there: none).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from training.core.registry import DETECTORS
from training.detectors._attribution import RELEASED
from training.detectors._contrastive import ContrastivePseudo
from training.networks.perspectives import Single


@DETECTORS.register("cpl")
class Cpl(ContrastivePseudo):
    """See the module.

    Args:
        pairs, pseudo, spread: weights of ``L_GLV``, ``L_CSP`` and ``H``.
    """

    family = "attribution"
    year = 2023
    released = RELEASED | {"bnneck": "looks.grid.necks."}

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float = 0.2,
        pairs: float = 0.5,
        pseudo: float = 0.5,
        spread: float = 1.0,
    ) -> None:
        super().__init__(backbone, num_methods, num_known, real_class, dropout, Single, pairs, pseudo, spread)

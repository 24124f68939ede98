"""Pseudo-labels for all unlabelled pictures, however sure.

Source: Lee, pseudo-label: the simple and efficient semi-supervised learning method (ICML Workshops 2013).
Loss: ``L = CE + weight * CE`` of the strong view with the weak view's class, on unlabelled pictures that
are all trusted.
Deviations: the CPL family's code, which names this method, cannot run it, and would take one view for both.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from training.core.registry import DETECTORS
from training.detectors._pseudo_label import PseudoLabel
from training.losses.pseudo_labels import Every


@DETECTORS.register("maxmatch")
class MaxMatch(PseudoLabel):
    """See the module.

    Args:
        weight: of the unlabelled pictures' loss.
    """

    family = "attribution"
    year = 2013

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float = 0.2,
        weight: float = 0.5,
    ) -> None:
        rule = Every()
        super().__init__(backbone, num_methods, num_known, real_class, dropout, weight, rule)

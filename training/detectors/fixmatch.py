"""Pseudo-labels for unlabelled pictures above a fixed confidence.

Source: Sohn et al., FixMatch (NeurIPS 2020).
Loss: ``L = CE + weight * CE`` of the strong view with the weak view's class, on unlabelled pictures that
are above a fixed confidence.
Deviations: the CPL family's code, which names this method, cannot run it, and would take one view for both.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from training.core.registry import DETECTORS
from training.detectors._pseudo_label import PseudoLabel
from training.losses.pseudo_labels import Confident


@DETECTORS.register("fixmatch")
class FixMatch(PseudoLabel):
    """See the module.

    Args:
        weight: of the unlabelled pictures' loss.
        cutoff: confidence that a pseudo-label needs.
    """

    family = "attribution"
    year = 2020

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float = 0.2,
        weight: float = 0.5,
        cutoff: float = 0.95,
    ) -> None:
        rule = Confident(cutoff)
        super().__init__(backbone, num_methods, num_known, real_class, dropout, weight, rule)

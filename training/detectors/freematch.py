"""Pseudo-labels at a confidence that follows the network's own.

Source: Wang et al., FreeMatch (ICLR 2023), without its fairness term.
Loss: ``L = CE + weight * CE`` of the strong view with the weak view's class, on unlabelled pictures that
reach the running confidence of their class.
Deviations: the CPL family's code, which names this method, cannot run it, and would take one view for both.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from training.core.registry import DETECTORS
from training.detectors._pseudo_label import PseudoLabel
from training.losses.pseudo_labels import Adaptive


@DETECTORS.register("freematch")
class FreeMatch(PseudoLabel):
    """See the module.

    Args:
        weight: of the unlabelled pictures' loss.
        momentum: of the running confidences.
    """

    family = "attribution"
    year = 2023

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float = 0.2,
        weight: float = 0.5,
        momentum: float = 0.999,
    ) -> None:
        rule = Adaptive(num_methods, momentum)
        super().__init__(backbone, num_methods, num_known, real_class, dropout, weight, rule)

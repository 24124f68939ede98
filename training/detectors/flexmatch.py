"""Pseudo-labels at a confidence that is lower for classes learned less.

Source: Zhang et al., FlexMatch (NeurIPS 2021).
Loss: ``L = CE + weight * CE`` of the strong view with the weak view's class, on unlabelled pictures that
reach their class's confidence.
Deviations: the CPL family's code, which names this method, cannot run it, and would take one view for both.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from training.core.registry import DETECTORS
from training.detectors._pseudo_label import PseudoLabel
from training.losses.pseudo_labels import Curriculum


@DETECTORS.register("flexmatch")
class FlexMatch(PseudoLabel):
    """See the module.

    Args:
        weight: of the unlabelled pictures' loss.
        cutoff: confidence that the best learned class needs.
        warmup: keep thresholds low while most pictures have no confident class.
    """

    family = "attribution"
    year = 2021

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float = 0.2,
        weight: float = 0.5,
        cutoff: float = 0.95,
        warmup: bool = True,
    ) -> None:
        rule = Curriculum(num_methods, cutoff, warmup)
        super().__init__(backbone, num_methods, num_known, real_class, dropout, weight, rule)

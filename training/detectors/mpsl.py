"""Multi-perspective sample learning: CPL whose partners need the votes of frequency bands and of parts at three scales.

Source: Sun et al., rethinking open-world deepfake attribution with multi-perspective sensory learning (IJCV 2025).
Loss: CPL's, with partners that a band *and* a grid vote for, and pseudo-labels for pictures that a band *or* a grid
votes for. Its stages are runs, each from the checkpoint of the one before: see the YAML.
Deviations from the published code, which stops at its first step: the union of votes gates the pseudo-labels as the
paper says (there computed and left unused).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from training.core.registry import DETECTORS
from training.detectors._attribution import RELEASED
from training.detectors._contrastive import ContrastivePseudo
from training.networks.perspectives import Several


@DETECTORS.register("mpsl")
class Mpsl(ContrastivePseudo):
    """See the module.

    Args:
        pairs, pseudo, spread: weights of the partners' agreement, the pseudo-labels and the entropy.
        gate: whether pseudo-labels need a vote; the published code's need none.
    """

    family = "attribution"
    year = 2025
    released = RELEASED | {"xfm.": None} | {f"bnneck{n}_": f"looks.grids.{n}.necks." for n in Several.GRIDS}

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
        gate: bool = True,
    ) -> None:
        looks = partial(Several, gate=gate)
        super().__init__(backbone, num_methods, num_known, real_class, dropout, looks, pairs, pseudo, spread)

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

import torch
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._attribution import RELEASED, Attribution, sum_of
from training.losses.open_world import (
    contrastive_pseudo,
    global_neighbors,
    gumbel_like,
    vote,
    weighted_similarity,
)
from training.networks.attribution import Parts


@DETECTORS.register("cpl")
class Cpl(Attribution):
    """See the module.

    Args:
        pairs, pseudo, spread: weights of ``L_GLV``, ``L_CSP`` and ``H``.
        cells: the parts are those of a ``cells`` x ``cells`` grid.
    """

    family = "attribution"
    year = 2023
    released = RELEASED | {"bnneck": "parts.necks."}

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
        cells: int = 3,
    ) -> None:
        super().__init__(backbone, num_methods, num_known, real_class, dropout)
        self.weights = {"pairs": pairs, "pseudo": pseudo, "entropy": -spread}
        self.parts = Parts(self.backbone.dim, cells)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Those of every attribution method; ``parts`` (N, dim, cells ** 2)."""
        outputs = super().outputs(image)
        return {**outputs, "parts": self.parts(outputs["feature"])}

    def loss(self, batch: Batch) -> Losses:
        """The module's equation."""
        outputs = self.outputs(batch.image)
        return self.objective(outputs, batch, gumbel_like(outputs["logits"]))

    def objective(self, outputs: dict[str, Tensor], batch: Batch, gumbel: Tensor) -> Losses:
        """The loss of ``outputs``; ``gumbel`` is the noise of the pseudo-labels, of the logits' shape."""
        first, second = global_neighbors(outputs["embedding"])
        voted = vote(weighted_similarity(outputs["parts"]), second)
        partner = torch.where(voted, second, first)
        return sum_of(contrastive_pseudo(outputs["logits"], batch, partner, voted, gumbel), **self.weights)

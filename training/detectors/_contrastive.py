"""What CPL, MPSL and CDAL share: partners by global and local similarity, and soft pseudo-labels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from training.core.types import Batch, Losses
from training.detectors._attribution import Attribution, sum_of
from training.losses.open_world import contrastive_pseudo, gumbel_like
from training.networks.perspectives import global_neighbors


class ContrastivePseudo(Attribution):
    """``L = CE + pairs L_pairs + pseudo L_pseudo - spread H``, see :func:`contrastive_pseudo`.

    Args:
        perspectives: makes the local looks that vote, from the width of the feature map.
        pairs, pseudo, spread: weights of the partners' agreement, the pseudo-labels and the entropy.
    """

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float,
        perspectives: Callable[[int], nn.Module],
        pairs: float,
        pseudo: float,
        spread: float,
    ) -> None:
        super().__init__(backbone, num_methods, num_known, real_class, dropout)
        self.weights = {"pairs": pairs, "pseudo": pseudo, "entropy": -spread}
        self.looks = perspectives(self.backbone.dim)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Those of every attribution method, and the local vectors of the looks."""
        outputs = super().outputs(image)
        return outputs | self.looks(outputs["feature"])

    def loss(self, batch: Batch) -> Losses:
        """The class's equation."""
        outputs = self.outputs(batch.image)
        return self.objective(outputs, batch, gumbel_like(outputs["logits"]))

    def objective(self, outputs: dict[str, Tensor], batch: Batch, gumbel: Tensor) -> Losses:
        """The loss of ``outputs``; ``gumbel`` is the noise of the pseudo-labels, of the logits' shape."""
        first, second = global_neighbors(outputs["embedding"])
        together, trusted = self.looks.votes(outputs, second)
        partner = torch.where(together, second, first)
        return sum_of(contrastive_pseudo(outputs["logits"], batch, partner, trusted, gumbel), **self.weights)

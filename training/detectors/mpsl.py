"""Multi-perspective sample learning: CPL whose partners need the votes of frequency bands and of parts at three scales.

Source: Sun et al., rethinking open-world deepfake attribution with multi-perspective sensory learning (IJCV 2025).
Loss: CPL's, with partners that a band *and* a grid vote for, and pseudo-labels for pictures that a band *or* a grid
votes for. Iterative learning is a second run from the first one's checkpoint (``train.py --weights``).
Deviations from the published code, which stops at its first step: the union of votes gates the pseudo-labels as the
paper says (there computed and left unused).
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
    plain_similarity,
    vote,
    weighted_similarity,
)
from training.networks.attribution import Parts, haar_bands

GRIDS = (3, 5, 7)


@DETECTORS.register("mpsl")
class Mpsl(Attribution):
    """See the module.

    Args:
        pairs, pseudo, spread: weights of the partners' agreement, the pseudo-labels and the entropy.
        gate: whether pseudo-labels need a vote; the published code's need none.
    """

    family = "attribution"
    year = 2025
    released = RELEASED | {"xfm.": None} | {f"bnneck{cells}_": f"parts.{cells}.necks." for cells in GRIDS}

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
        super().__init__(backbone, num_methods, num_known, real_class, dropout)
        self.weights = {"pairs": pairs, "pseudo": pseudo, "entropy": -spread}
        self.gate = gate
        self.parts = nn.ModuleDict({str(cells): Parts(self.backbone.dim, cells) for cells in GRIDS})

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Those of every attribution method; ``band 1-3`` and ``part 3-7``, local vectors (N, dim, places)."""
        outputs = super().outputs(image)
        bands = {f"band{at}": band for at, band in enumerate(haar_bands(outputs["feature"]), start=1)}
        return {**outputs, **bands, **{f"part{n}": grid(outputs["feature"]) for n, grid in self.parts.items()}}

    def loss(self, batch: Batch) -> Losses:
        """The module's equation."""
        outputs = self.outputs(batch.image)
        return self.objective(outputs, batch, gumbel_like(outputs["logits"]))

    def objective(self, outputs: dict[str, Tensor], batch: Batch, gumbel: Tensor) -> Losses:
        """The loss of ``outputs``; ``gumbel`` is the noise of the pseudo-labels, of the logits' shape."""
        first, second = global_neighbors(outputs["embedding"])
        bands, grids = votes(outputs, second)
        partner = torch.where(bands & grids, second, first)
        trusted = bands | grids if self.gate else torch.ones_like(bands)
        return sum_of(contrastive_pseudo(outputs["logits"], batch, partner, trusted, gumbel), **self.weights)


def votes(outputs: dict[str, Tensor], neighbor: Tensor) -> tuple[Tensor, Tensor]:
    """Whether any band, and whether any grid, votes for each row's ``neighbor``: two masks ``(N,)``."""
    bands = [vote(plain_similarity(outputs[f"band{at}"]), neighbor) for at in (1, 2, 3)]
    grids = [vote(weighted_similarity(outputs[f"part{cells}"]), neighbor) for cells in GRIDS]
    return torch.stack(bands).any(0), torch.stack(grids).any(0)

"""Nearest neighbors in frozen features vote: labelled pictures for their class, the others for their cluster.

Source: the weighted vote of Wu et al., unsupervised feature learning via non-parametric instance discrimination
(CVPR 2018), section 3.4. An unlabelled picture's cluster is its nearest center of :mod:`training.detectors.kmeans`.
Loss: that of k-means, which moves the centers; a training picture votes as it was last seen.
Deviation: of more than ``memory`` training pictures, as many vote.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import UNKNOWN, Batch, Losses
from training.detectors._clusters import Clusters
from training.losses.gathered import gathered

EMPTY = UNKNOWN - 1
"""Method where no picture is kept."""
LEAST = 1e-6
"""Share of the votes of a class without any, whose logarithm must be finite."""


@DETECTORS.register("knn")
class KNearest(Clusters):
    """See the module.

    Args:
        neighbors: how many vote.
        temperature: a vote weighs ``exp(cosine / temperature)``.
        memory: how many training pictures are kept.
    """

    family = "attribution"
    year = 2018

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        neighbors: int = 20,
        temperature: float = 0.07,
        memory: int = 8192,
    ) -> None:
        super().__init__(backbone, num_methods, num_known, real_class)
        self.neighbors, self.temperature = neighbors, temperature
        self.register_buffer("kept", torch.zeros(memory, self.backbone.dim))
        self.register_buffer("method", torch.full((memory,), EMPTY))
        """Of each kept picture; ``UNKNOWN`` for unlabelled ones."""

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits`` (N, classes): logarithms of the classes' shares of the votes; and the ``embedding`` (N, dim)."""
        embedding, there = self.embed(image), self.method != EMPTY
        kept, method = self.kept[there], self.method[there]
        voted = torch.where(method == UNKNOWN, self.distance(kept).argmin(1), method)
        similar, nearest = (embedding @ kept.T).topk(min(self.neighbors, len(kept)))
        share = embedding.new_zeros(len(embedding), len(self.centers))
        share.scatter_add_(1, voted[nearest], (similar / self.temperature).softmax(1))
        return {"logits": share.clamp_min(LEAST).log(), "embedding": embedding}

    def loss(self, batch: Batch) -> Losses:
        """The loss of k-means; the pictures are kept."""
        if batch.index is None:
            raise ContractError("knn needs the number of each picture: data.recipe: {name: open_world}")
        feature = self.embed(batch.image)
        every, method, index = gathered(feature.detach(), batch.method, batch.index)
        place = index % len(self.kept)
        self.kept[place], self.method[place] = every, method
        return self.loss_of(feature, batch)

"""Clusters of frozen features, known classes pinned to their labelled pictures: the cheap baseline of attribution.

Source: semi-supervised k-means on pretrained features as in Vaze et al., generalized category discovery (CVPR 2022),
section 3.2; by stochastic steps as in Sculley, web-scale k-means clustering (WWW 2010).
Loss: half the squared distance of unit-length features from their center, mean over centers: a labelled picture's is
its class's, an unlabelled one's the nearest. A step of rate ``lr`` moves a center that share of the way to the mean
of its pictures.
Deviation: batches instead of all pictures at once, so that training, resuming and several processes are the usual ones.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._clusters import Clusters


@DETECTORS.register("kmeans")
class KMeans(Clusters):
    """See the module.

    Args:
        sharpness: of the probabilities: logits are ``-sharpness`` times the squared distance from each center.
    """

    family = "attribution"
    year = 2022

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        sharpness: float = 10.0,
    ) -> None:
        super().__init__(backbone, num_methods, num_known, real_class)
        self.sharpness = sharpness

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits`` (N, classes) and the unit-length ``embedding`` (N, dim) of pictures, or of cached features."""
        embedding = self.embed(image)
        return {"logits": -self.sharpness * self.distance(embedding), "embedding": embedding}

    def loss(self, batch: Batch) -> Losses:
        """The module's loss."""
        return self.loss_of(self.embed(batch.image), batch)

"""VGG-19's first stages, ten capsules on the statistics of their features, dynamic routing to the classes.

Source: Nguyen et al., Capsule-forensics (ICASSP 2019) and its extension (arXiv 1910.12467), algorithm 1.
Loss: the cross-entropy of the class probabilities, summed over the four values of the class capsules.
Deviations: ``logits`` are mean probabilities and ``prob`` is their softmax, between 0.27 and 0.73, as published.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.networks.capsules import Routing, primary, squash


@DETECTORS.register("capsule_net")
class CapsuleNet(Classifier):
    """See the module.

    Args:
        capsules: how many primary ones.
        noise, dropout: of the routing while training.
    """

    family = "spatial"
    year = 2019
    released = {
        "vgg_ext.vgg_1.": "backbone.features.",
        "fea_ext.capsules.": "capsules.",
        "routing_stats.route_weights": "head.weight",
    }

    def __init__(
        self, backbone: Callable[[], nn.Module], capsules: int = 10, noise: float = 0.01, dropout: float = 0.05
    ) -> None:
        super().__init__(backbone)
        self.capsules = nn.ModuleList(primary(self.backbone.dim) for _ in range(capsules))
        self.head = Routing(capsules, noise, dropout)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits`` (N, 2), probabilities ``classes`` (N, 4, 2) of the four values, capsules as ``feature``."""
        x = self.backbone.feature_map(image)
        feature = squash(torch.cat([capsule(x) for capsule in self.capsules], 1).transpose(1, 2))
        classes = self.head(feature).softmax(-1)
        return {"logits": classes.mean(1), "feature": feature, "embedding": feature.flatten(1), "classes": classes}

    def loss(self, batch: Batch) -> Losses:
        """See the module."""
        return Losses(capsule_loss(self.outputs(batch.image)["classes"], batch.label))


def capsule_loss(classes: Tensor, label: Tensor) -> Tensor:
    """Sum over axis 1 of the cross-entropies of ``classes`` (N, 4, 2)."""
    return sum(F.cross_entropy(value, label) for value in classes.unbind(1))

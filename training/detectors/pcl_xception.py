"""Xception that learns which parts of a picture come from the same source, on blended reals.

Source: Zhao et al., Learning self-consistency for deepfake detection (ICCV 2021), eq. 1-4.
Loss: ``L = CE + weight * BCE(M, T)`` with ``M_ij = sigmoid(theta(x_i)^T theta(x_j) / sqrt(C))`` of the middle features
at two places and ``T_ij = 1 - |mask_i - mask_j|``.
Deviations: Xception instead of ResNet-34 and one projection for both places, as the published weights have it. The
reference's target is wrong in one column, its weight of 1 is the paper's 10 here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.networks.xception import released


@DETECTORS.register("pcl_xception")
class PclXception(Classifier):
    """See the module.

    Args:
        weight: of the consistency.
    """

    family = "spatial"
    year = 2021
    recipe = "inconsistency"
    released = {
        **released("backbone.", "backbone."),
        **dict.fromkeys(("backbone.type_fc.", "backbone.mag_fc.", "backbone.map.", "PCL.phi."), None),
        "PCL.theta.": "theta.",
    }

    def __init__(self, backbone: Callable[[], nn.Module], weight: float = 10.0) -> None:
        super().__init__(backbone)
        self.theta = nn.Conv2d(self.backbone.middle_dim, self.backbone.middle_dim, 1)
        self.weight = weight

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits``; the last ``feature`` map before its ReLU; ``middle`` (N, C, H/16, W/16)."""
        net = self.backbone
        middle = net.blocks(net.stem(image), last=7)
        feature = net.tail(net.blocks(middle, first=8))
        embedding = feature.relu().mean((2, 3))
        return {"logits": self.head(embedding), "feature": feature, "embedding": embedding, "middle": middle}

    def loss(self, batch: Batch) -> Losses:
        """Label, and consistency of all pairs of places."""
        if batch.mask is None:
            raise ContractError("pcl_xception learns from masks: data.recipe: inconsistency")
        outputs = self.outputs(batch.image)
        middle = outputs["middle"]
        parts = {
            "cls": F.cross_entropy(outputs["logits"], batch.label),
            "consistency": F.binary_cross_entropy_with_logits(
                self.consistency(middle), consistency_target(batch.mask, middle.shape[-2:])
            ),
        }
        return Losses(parts["cls"] + self.weight * parts["consistency"], parts)

    def consistency(self, middle: Tensor) -> Tensor:
        """``(N, h, w, h, w)``: the logit of M for each pair of places."""
        n, c, h, w = middle.shape
        theta = self.theta(middle).flatten(2)
        return (theta.transpose(1, 2) @ theta / c**0.5).view(n, h, w, h, w)


def consistency_target(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """T of masks ``(N, 1, H, W)``, shrunk to ``size``: ``(N, h, w, h, w)``."""
    small = F.interpolate(mask, size, mode="bilinear", align_corners=True)[:, 0]
    return 1 - (small[:, :, :, None, None] - small[:, None, None]).abs()

"""Xception whose middle features are weighted by a map of where the face was manipulated.

Source: Dang et al., On the detection of digital face manipulation (CVPR 2020), eq. 1-3: the regressed map.
Loss: ``L = CE + mask_weight * mean|map - mask|``, the mask shrunk to the map.
Deviations: the reference never sees a mask; ``mask_weight: 0`` trains as it does (the paper's unsupervised map).
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from timm.models.xception import SeparableConv2d
from torch import Tensor, nn

from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.networks.xception import released


@DETECTORS.register("ffd")
class Ffd(Classifier):
    """See the module.

    Args:
        mask_weight: of the map's distance from the mask; 0 needs no masks.
    """

    family = "spatial"
    year = 2020
    released = {**released("backbone.", "backbone."), "map.c.": "map."}

    def __init__(self, backbone: Callable[[], nn.Module], mask_weight: float = 1.0) -> None:
        super().__init__(backbone)
        self.map = SeparableConv2d(self.backbone.middle_dim, 1, 3, padding=1)
        self.mask_weight = mask_weight

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits``, the last ``feature`` map, its mean, and the manipulation map ``mask`` (N, 1, H/16, W/16)."""
        net = self.backbone
        x = net.blocks(net.stem(image), last=7)
        mask = self.map(x).sigmoid()
        feature = net.tail(net.blocks(x * mask, first=8)).relu()
        embedding = feature.mean((2, 3))
        return {"logits": self.head(embedding), "feature": feature, "embedding": embedding, "mask": mask}

    def loss(self, batch: Batch) -> Losses:
        """Label and map."""
        outputs = self.outputs(batch.image)
        parts = {"cls": F.cross_entropy(outputs["logits"], batch.label)}
        if not self.mask_weight:
            return Losses(parts["cls"], parts)
        if batch.mask is None:
            raise ContractError("ffd learns from masks: data.recipe: {name: frames, mask: true}, or mask_weight: 0")
        parts["mask"] = F.l1_loss(outputs["mask"], F.adaptive_avg_pool2d(batch.mask, outputs["mask"].shape[-2:]))
        return Losses(parts["cls"] + self.mask_weight * parts["mask"], parts)

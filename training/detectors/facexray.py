"""HRNet that draws the border along which a face was blended into another picture, and judges by that drawing.

Source: Li et al., Face X-ray for more general face forgery detection (CVPR 2020), section 3.
Loss: ``L = CE + weight * mean (drawing - xray)^2``.
Deviations: the map is regressed and judged by a small network, as the published weights have it; the paper takes the
cross-entropy (weight 100) of a sigmoid map and one linear layer.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier

SIDE = 128


@DETECTORS.register("facexray")
class FaceXray(Classifier):
    """See the module.

    Args:
        weight: of the drawing.
    """

    family = "spatial"
    year = 2020
    recipe = "face_xray"
    released = {
        "backbone.": "backbone.",
        **dict.fromkeys([f"backbone.{x}." for x in ("incre_modules", "downsamp_modules", "final_layer", "fc")], None),
        "post_process.": "draw.",
        "fc.": "head.",
    }

    def __init__(self, backbone: Callable[[], nn.Module], weight: float = 1000.0) -> None:
        super().__init__(backbone)
        self.weight = weight
        self.draw = nn.Sequential(
            nn.Conv2d(self.backbone.dim, 256, 3, padding=1),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, 128, 3, padding=1),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 1, 1),
        )
        self.head = nn.Sequential(*_dense(SIDE**2, 1024), *_dense(1024, 128), nn.Linear(128, 2))

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits``, the X-ray ``mask_pred`` (N, 1, H, W), and as ``feature`` its 128x128 pixels in a row."""
        drawn = self.draw(self.backbone.feature_map(image))
        xray = F.interpolate(drawn, image.shape[-2:], mode="bilinear", align_corners=True)
        feature = F.adaptive_avg_pool2d(xray, SIDE).flatten(1)
        return {"logits": self.head(feature), "feature": feature, "embedding": feature, "mask_pred": xray}

    def loss(self, batch: Batch) -> Losses:
        """Label and drawing of the blending mask's X-ray, which is empty for reals."""
        if batch.mask is None:
            raise ContractError("facexray learns from blending masks: data.recipe: face_xray")
        return self.objective(self.outputs(batch.image), batch.label, xray(batch.mask))

    def objective(self, outputs: dict[str, Tensor], label: Tensor, true: Tensor) -> Losses:
        """The loss of ``outputs`` given the true X-rays ``(N, 1, H, W)``."""
        parts = {
            "cls": F.cross_entropy(outputs["logits"], label),
            "mask": F.mse_loss(outputs["mask_pred"], true),
        }
        return Losses(parts["cls"] + self.weight * parts["mask"], parts)


def xray(mask: Tensor) -> Tensor:
    """The border of soft masks: 1 where both pictures count alike, 0 where one counts alone (eq. 2)."""
    return 4 * mask * (1 - mask)


def _dense(dim: int, out: int) -> list[nn.Module]:
    return [nn.Linear(dim, out), nn.BatchNorm1d(out), nn.ReLU()]

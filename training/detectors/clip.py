"""CLIP's vision tower with a linear head, all of it trained.

Reference: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, as
DeepfakeBench uses it: ViT-B/16, class token after the last layer norm, cross entropy, images normalized with 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses, Prediction
from training.detectors.base import Detector
from training.networks.clip import from_hf


@DETECTORS.register("clip")
class Clip(Detector):
    """See the module. ``backbone.tune: frozen`` makes it a linear probe."""

    def __init__(self, backbone: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.backbone = backbone()
        self.head = nn.Linear(self.backbone.dim, 2)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits (N, 2)`` and ``feature (N, dim)``."""
        feature = self.backbone(image)
        return {"logits": self.head(feature), "feature": feature}

    def predict(self, batch: Batch) -> Prediction:
        """Softmax of the head."""
        out = self.outputs(batch.image)
        return Prediction(out["logits"].softmax(1)[:, 1], embedding=out["feature"])

    def loss(self, batch: Batch) -> Losses:
        """Cross entropy."""
        return Losses(F.cross_entropy(self.outputs(batch.image)["logits"], batch.label))

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with Hugging Face's names."""
        head = {k: v for k, v in state.items() if k.startswith("head.")}
        vision = {k: v for k, v in state.items() if not k.startswith("head.")}
        return head | {f"backbone.{k}": v for k, v in from_hf(vision, "backbone.").items()}

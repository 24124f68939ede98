"""What the video methods share: clips in, one verdict per clip out."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.types import Batch, Losses, Prediction
from training.detectors._classifier import Classifier


class ClipClassifier(Classifier):
    """Softmax of two logits of a backbone that takes clips ``(N, T, 3, H, W)``."""

    recipe: ClassVar[str | None] = "clips"

    def encode(self, image: Tensor) -> Tensor:
        """Features ``(N, dim)``."""
        return self.backbone(image)


class SigmoidClipClassifier(ClipClassifier):
    """One logit, the sigmoid of which is the probability of fake.

    Args:
        dropout: share of the features that training drops before the last layer.
    """

    def __init__(self, backbone: Callable[[], nn.Module], dropout: float = 0.5) -> None:
        super().__init__(backbone, num_classes=1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)
        self.dropout = nn.Dropout(dropout)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``pre_sigmoid (N,)``, ``prob (N,)`` and ``embedding (N, dim)``."""
        feature = self.encode(image)
        logit = self.head(self.dropout(feature))[:, 0]
        return {"pre_sigmoid": logit, "prob": logit.sigmoid(), "embedding": feature}

    def predict(self, batch: Batch) -> Prediction:
        """The sigmoid."""
        outputs = self.outputs(batch.image)
        return Prediction(outputs["prob"].float(), embedding=outputs["embedding"])

    def loss(self, batch: Batch) -> Losses:
        """Binary cross entropy on the logit."""
        logit = self.outputs(batch.image)["pre_sigmoid"]
        return Losses(F.binary_cross_entropy_with_logits(logit, batch.label.to(logit.dtype)))

"""What most methods are apart from one thing each: a backbone, a linear layer, cross-entropy."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.types import Batch, Losses, Prediction
from training.detectors.base import Detector


class Classifier(Detector):
    """Base of detectors whose verdict is the softmax of two (or more) logits, class 1 being fake.

    A subclass overrides :meth:`encode` for another input, or :meth:`loss` for another objective.
    """

    def __init__(self, backbone: Callable[[], nn.Module], num_classes: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = backbone()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.backbone.dim, num_classes)

    def encode(self, image: Tensor) -> Tensor:
        """Feature map ``(N, C, h, w)``, or vectors ``(N, C)``, of normalized images ``(N, 3, H, W)``."""
        return self.backbone.feature_map(image)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits`` (N, classes), the feature map they come from, and its mean over the picture."""
        feature = self.encode(image)
        embedding = feature.mean((2, 3)) if feature.ndim == 4 else feature
        return {"logits": self.head(self.dropout(embedding)), "feature": feature, "embedding": embedding}

    def loss(self, batch: Batch) -> Losses:
        """Cross-entropy of the label."""
        return Losses(F.cross_entropy(self.outputs(batch.image)["logits"], batch.label))

    def predict(self, batch: Batch) -> Prediction:
        """Softmax probability of class 1."""
        outputs = self.outputs(batch.image)
        return Prediction(outputs["logits"].softmax(1)[:, 1], embedding=outputs["embedding"])

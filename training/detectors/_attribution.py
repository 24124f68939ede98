"""What methods of open-world attribution share: backbone, neck, and one softmax over known and novel classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.types import Batch, Losses, Prediction, Task
from training.detectors.base import Detector
from training.networks.attribution import classifier, neck
from training.networks.weights import rename

RELEASED: dict[str, str | None] = {
    "encoder.fc.": None,  # the ImageNet layer, carried along and never used
    "encoder.": "backbone.net.",
    "bottleneck.": "neck.",
    "fc2.": "classifier.",
}
"""How the published encoders call our parameters."""


class Attribution(Detector):
    """Base of attribution methods. A subclass adds to :meth:`outputs` and writes :meth:`loss`.

    Args:
        dropout: before the classifier.
    """

    family = "attribution"
    tasks = (Task.ATTRIBUTION,)
    recipe = "open_world"
    released = RELEASED

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.num_known, self.real_class = num_known, real_class
        self.backbone = backbone()
        self.neck = neck(self.backbone.dim)
        self.dropout = nn.Dropout(dropout)
        self.classifier = classifier(self.backbone.dim, num_methods)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits`` (N, classes), the map ``feature`` and the pooled ``embedding`` (N, dim) behind the neck."""
        feature = map_of(self.backbone, image)
        embedding = self.neck(feature.mean((2, 3)))
        return {"logits": self.classify(embedding), "feature": feature, "embedding": embedding}

    def classify(self, embedding: Tensor) -> Tensor:
        """Logits of all outputs in use, ``(N, classes)``."""
        return self.classifier(self.dropout(embedding))

    def predict(self, batch: Batch) -> Prediction:
        """Softmax over all outputs; where no real picture is known, everything is fake."""
        outputs = self.outputs(batch.image)
        logits = outputs["logits"].float()
        return Prediction(fake_prob(logits, self.real_class), logits, outputs["embedding"])

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The authors' checkpoints; Lightning's ``model.`` in front of each name is dropped."""
        plain = {key.removeprefix("model."): value for key, value in state.items()}
        return rename(plain, cls.released, cls.__name__)


def map_of(backbone: nn.Module, image: Tensor) -> Tensor:
    """The last map ``(N, dim, h, w)`` of a convolutional backbone; one place of what another says of the picture, or
    of what was said of it before (cached features ``(N, dim)``).
    """
    if image.ndim == 2:
        return image[..., None, None]
    return backbone.feature_map(image) if hasattr(backbone, "feature_map") else backbone(image)[..., None, None]


def fake_prob(logits: Tensor, real_class: int | None) -> Tensor:
    """Probability (N,) of not being real, by logits (N, classes); 1 where no real picture is known."""
    return torch.ones_like(logits[:, 0]) if real_class is None else 1 - logits.softmax(1)[:, real_class]


def labelled_cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of the labelled rows; zero where there are none."""
    known = batch.labelled.nonzero().flatten()
    return F.cross_entropy(logits[known], batch.method[known]) if len(known) else logits.sum() * 0


def sum_of(parts: dict[str, Tensor], **weights: float) -> Losses:
    """The weighted sum of ``parts``, of which those without a weight count once."""
    return Losses(sum(weights.get(name, 1.0) * part for name, part in parts.items()), parts)

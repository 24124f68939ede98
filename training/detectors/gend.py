"""CLIP with tuned layer norms, unit-length features and losses that spread them over the sphere.

Reference: Yermakov et al., "Deepfake Detection that Generalizes Across Benchmarks", WACV 2026 (arXiv 2508.06248), and
its predecessor arXiv 2503.19683, whose checkpoints load too.
``z = c / |c|``, ``L = CE(W z + b) + 0.5 L_uniformity + 0.1 L_alignment`` with ``c`` the class token after the last
layer norm; only layer norms and the head learn.
Deviation: a loss that is not finite stops the run; the authors' code replaces it by zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses, Prediction
from training.detectors.base import Detector
from training.losses.gathered import gathered
from training.losses.hypersphere import alignment, uniformity
from training.networks.clip import from_hf


@DETECTORS.register("gend")
class GenD(Detector):
    """See the module.

    Args:
        uniformity, alignment: loss weights; the paper's variant without them sets both to 0.
        normalize: the head sees unit features; the losses always do.
    """

    takes_features = True
    family = "foundation"
    year = 2026

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        uniformity: float = 0.5,
        alignment: float = 0.1,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        self.backbone = backbone()
        self.head = nn.Linear(self.backbone.dim, 2)
        self.uniformity, self.alignment, self.normalize = uniformity, alignment, normalize

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits (N, 2)``, ``feature`` and ``l2_feature (N, dim)``; of pictures or of features computed before."""
        feature = image if image.ndim == 2 else self.backbone(image)
        z = F.normalize(feature.float(), dim=1)
        return {"logits": self.head(z if self.normalize else feature), "feature": feature, "l2_feature": z}

    def predict(self, batch: Batch) -> Prediction:
        """Softmax of the head; the embedding is the unit feature."""
        out = self.outputs(batch.image)
        return Prediction(out["logits"].softmax(1)[:, 1], embedding=out["l2_feature"])

    def loss(self, batch: Batch) -> Losses:
        """Cross entropy, uniformity over all pairs, alignment over the pairs of one label; pairs of all processes."""
        out = self.outputs(batch.image)
        z, label = gathered(out["l2_feature"], batch.label)
        parts = {
            "ce": F.cross_entropy(out["logits"], batch.label),
            "uniformity": uniformity(z),
            "alignment": alignment(z, label),
        }
        total = parts["ce"] + self.uniformity * parts["uniformity"] + self.alignment * parts["alignment"]
        return Losses(total, parts)

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The authors' checkpoints; where layer norms are held twice (PEFT), the tuned ones count."""
        renamed = {
            key.removeprefix("feature_extractor.")
            .removeprefix("base_model.model.")
            .replace(".ln_tuning_layers.default.", "."): value
            for key, value in state.items()
            if ".base_layer." not in key
        }
        head = {k.replace("model.linear.", "head."): v for k, v in renamed.items() if k.startswith("model.linear.")}
        vision = {k: v for k, v in renamed.items() if not k.startswith("model.linear.")}
        return head | {f"backbone.{k}": v for k, v in from_hf(vision, "vision_model.").items()}

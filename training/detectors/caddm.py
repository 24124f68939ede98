"""A backbone that says where a face was tampered with, at four scales, and judges by that: not by who it is.

Source: Dong et al., Implicit identity leakage: the stumbling block to improving deepfake detection generalization
(CVPR 2023), section 4; recipe ``mfs``.
Loss: ``L = CE + weight * (smooth L1 of the artifacts' boxes + CE of the priors)``.
Deviations: real faces teach the detection module too, by the priors that most look like artifacts; the reference leaves
them out. Boxes are x, y like the priors (the reference gives y, x).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ConfigError, ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.losses.multibox import multibox
from training.networks.anchors import SIDE
from training.networks.artifact_detection import ArtifactDetection
from training.networks.efficientnet import released_depth, timm_key
from training.networks.weights import rename

STEMS = ("backbone.net.conv1.weight", "backbone.conv_stem.weight")
"""The convolution that sees the picture, in a ResNet and in an EfficientNet."""


@DETECTORS.register("caddm")
class Caddm(Classifier):
    """See the module. Pictures have values from 0 to 255: the YAML's mean and standard deviation.

    Args:
        dropout: of the backbone's own feature, 0.3 for EfficientNet-B3 and 0.4 for B4.
        weight: of the detection module.
        negatives: priors without artifact that count, per one with an artifact.
        negatives_of_real: the same per real face; a fake has four and more.
    """

    family = "spatial"
    year = 2023
    recipe = "mfs"
    released = {
        "base_model.": "backbone.net.",
        "base_model.fc.": None,
        "base_model._fc.": None,
        **{f"adm.adm_extra_layers.{i}.0.": f"artifacts.layers.{i}." for i in range(3)},
        "adm.adm_extra_layers.3.": "artifacts.layers.3.",
        "adm.multi_scale_detection_module.ms_dets.": "artifacts.location.",
        "adm.multi_scale_detection_module.ms_cls.": "artifacts.confidence.",
        "fc.": "head.",
    }

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        resolution: int,
        dropout: float = 0.0,
        weight: float = 0.1,
        negatives: int = 2,
        negatives_of_real: int = 4,
    ) -> None:
        super().__init__(backbone, dropout=dropout)
        if resolution != SIDE:
            raise ConfigError(f"data.resolution is {resolution}; caddm's priors are for {SIDE}")
        if getattr(self.backbone, "padding", "same") != "same":
            raise ConfigError("caddm's EfficientNets are padded evenly: backbone: {name: ..., padding: same}")
        self.weight, self.negatives, self.negatives_of_real = weight, negatives, negatives_of_real
        self.artifacts = ArtifactDetection(self.backbone.dim)

    def outputs(self, image: Tensor) -> dict[str, Tensor | list[Tensor]]:
        """``logits``; the detection module's ``maps``, ``location`` and ``confidence``; the backbone's ``feature``."""
        feature = self.backbone.feature_map(image)
        maps, location, confidence = self.artifacts(feature)
        embedding = self.dropout(feature.mean((2, 3))) + maps[-1].flatten(1)
        found = {"maps": maps, "location": location, "confidence": confidence}
        return {"logits": self.head(embedding), "feature": feature, "embedding": embedding, **found}

    def loss(self, batch: Batch) -> Losses:
        """See the module."""
        if batch.boxes is None:
            raise ContractError("caddm learns from boxes of artifacts: data.recipe: mfs")
        found = self.outputs(batch.image)
        counts = (self.negatives, self.negatives_of_real)
        boxes = multibox(found["location"], found["confidence"], batch.boxes, self.artifacts.priors, *counts)
        parts = {"cls": F.cross_entropy(found["logits"], batch.label), "location": boxes[0], "confidence": boxes[1]}
        return Losses(parts["cls"] + self.weight * sum(boxes), parts)

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The reference's weights, of any of its three backbones, for RGB; it sees BGR."""
        depth = released_depth(state, "base_model.")
        names = {**cls.released, "base_model._": lambda rest: f"backbone.{timm_key(f'_{rest}', depth)}"}
        ours = rename(state, names, cls.__name__)
        return {key: value.flip(1) if key in STEMS else value for key, value in ours.items()}

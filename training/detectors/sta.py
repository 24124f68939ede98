"""Frozen CLIP layers with adapters over space and time, on clips.

Reference: Yan et al., "Generalizing Deepfake Video Detection with Plug-and-Play: Video-Level Blending and
Spatiotemporal Adapter Tuning", CVPR 2025. The first fourteen layers of ViT-L/14; the adapters, which start as the
identity, the table of times, the last norm and the head learn. Cross entropy.
Deviations: DeepfakeBench's version trains all of it from random weights, its freezing and loading being commented out
(``train_clip: true``), and its attention mixes the clips of a batch; here each clip is seen by itself. The paper's
video-level blending is done by the recipe (``fakes: [drifted]``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.detectors._clip_classifier import ClipClassifier
from training.networks.names import translate

LEARNS = ("adapters.", "temporal_embedding", "ln_post.")
NAMES = {
    "s_conv1.": "space.0.",
    "s_conv2.": "space.1.",
    "s_conv3.": "space.2.",
    "t_conv1.": "time.0.",
    "t_conv2.": "time.1.",
    "t_conv3.": "time.2.",
    "cross_attention.spatial_to_temporal.": "space_to_time.",
    "cross_attention.temporal_to_spatial.": "time_to_space.",
    "conv1.": "0.",
    "bn1.": "1.",
    "conv2.": "3.",
    "bn2.": "4.",
    "conv3.": "6.",
    "bn3.": "7.",
}


@DETECTORS.register("sta")
class Sta(ClipClassifier):
    """See the module.

    Args:
        dropout: share of the feature that training drops before the head.
        train_clip: let CLIP's own weights learn too.
    """

    family = "video"
    year = 2025

    def __init__(self, backbone: Callable[[], nn.Module], dropout: float = 0.5, train_clip: bool = False) -> None:
        super().__init__(backbone)
        self.head = nn.Sequential(nn.Dropout(dropout), self.head)
        if not train_clip:
            for name, parameter in self.backbone.named_parameters():
                parameter.requires_grad_(name.startswith(LEARNS))

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits (N, 2)``, the frames' ``feature (N, dim, T, 1, 1)`` and its mean as ``embedding``."""
        frames = self.backbone.by_frame(image)
        embedding = frames.mean(1)
        return {"logits": self.head(embedding), "feature": frames.mT[..., None, None], "embedding": embedding}

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints."""
        ours = {}
        for key, value in state.items():
            if part := re.fullmatch(r"backbone\.transformer\.resblocks\.(\d+)\.Adapter\.(.*)", key):
                ours[f"backbone.adapters.{part[1]}.{translate(part[2], NAMES)}"] = value
            else:
                ours[key.replace("head.fc_cls.", "head.1.")] = value
        return ours

"""Four frames of a clip laid out as one thumbnail for an image transformer.

Reference: Xu et al., "TALL: Thumbnail Layout for Deepfake Video Detection", ICCV 2023. Swin-B, cross entropy with label
smoothing; while training one square of all four frames is blanked at the same place (section 3.2).
Deviations: DeepfakeBench cannot build the network from its YAML and never uses its cut-out; both work here, the
hole having the mean color and, frames being halved by the thumbnail, the size that it has in the authors' code: 16 of
112 pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._clip_classifier import ClipClassifier


@DETECTORS.register("tall")
class Tall(ClipClassifier):
    """See the module.

    Args:
        cutout: pixels a side of the blanked square, before the thumbnail halves it; 0 blanks nothing.
        label_smoothing: of the cross entropy.
    """

    family = "video"
    year = 2023

    def __init__(self, backbone: Callable[[], nn.Module], cutout: int = 32, label_smoothing: float = 0.0) -> None:
        super().__init__(backbone)
        self.cutout, self.label_smoothing = cutout, label_smoothing

    def loss(self, batch: Batch) -> Losses:
        """Cross entropy of clips with a hole."""
        image = self._blanked(batch.image) if self.training and self.cutout else batch.image
        logits = self.outputs(image)["logits"]
        return Losses(F.cross_entropy(logits, batch.label, label_smoothing=self.label_smoothing))

    def _blanked(self, clip: Tensor) -> Tensor:
        """Zero, the mean color, in one square per clip that may stick out over the border."""
        count, (height, width) = len(clip), clip.shape[-2:]
        half = self.cutout / 2
        y, x = (torch.rand(count, 1, device=clip.device) * side for side in (height, width))
        rows = (torch.arange(height, device=clip.device) + 0.5 - y).abs() < half
        columns = (torch.arange(width, device=clip.device) + 0.5 - x).abs() < half
        hole = rows[:, :, None] & columns[:, None]
        return clip.masked_fill(hole[:, None, None], 0.0)

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with Microsoft's names; masks and index tables are built, not read."""
        ours = {}
        for key, value in state.items():
            name = key.removeprefix("model.")
            if name.endswith(("attn_mask", "relative_position_index")):
                continue
            name = re.sub(r"^layers\.(\d)\.downsample\.", lambda m: f"layers.{int(m[1]) + 1}.downsample.", name)
            if name.startswith("head."):
                ours[name] = value
            else:
                ours["backbone.quarters" if name == "frame_pos_embed" else f"backbone.swin.{name}"] = value
        return ours

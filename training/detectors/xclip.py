"""X-CLIP's cross-frame CLIP, with a linear head.

Reference: Ni et al., "Expanding Language-Image Pretrained Models for General Video Recognition", ECCV 2022, as
DeepfakeBench uses it: the vision tower alone, layer norm of the frames' mean, cross entropy. The values are those of
its tuned YAML; the later one names weights that cannot load.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from training.core.registry import DETECTORS
from training.detectors._clip_classifier import ClipClassifier
from training.networks.video_names import released, xclip


@DETECTORS.register("xclip")
class XClip(ClipClassifier):
    """See the module."""

    family = "video"
    year = 2022

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with Hugging Face's names."""
        return released(state, xclip)

"""VideoMAE's transformer over tubes of two frames, with a linear head.

Reference: Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video
Pre-Training", NeurIPS 2022, as DeepfakeBench uses it: ViT-B, sixteen frames, layer norm of the mean
token, cross entropy.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from training.core.registry import DETECTORS
from training.detectors._clip_classifier import ClipClassifier
from training.networks.video_names import released, videomae


@DETECTORS.register("videomae")
class VideoMae(ClipClassifier):
    """See the module."""

    family = "video"
    year = 2022

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with Hugging Face's names."""
        return released(state, videomae)

"""TimeSformer with a linear head on clips.

Reference: Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?", ICML 2021: divided
attention, ViT-B/16, eight frames, class token, cross entropy. DeepfakeBench's YAML of this name cannot train; the
values here are those of its tuned predecessor.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from training.core.registry import DETECTORS
from training.detectors._clip_classifier import ClipClassifier
from training.networks.video_names import released, timesformer


@DETECTORS.register("timesformer")
class TimeSformer(ClipClassifier):
    """See the module."""

    family = "video"
    year = 2021

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with Hugging Face's names."""
        return released(state, timesformer)

"""An inflated ResNet-50 on clips.

Reference: Carreira & Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, in the ResNet-50 8x8 layout that SlowFast
calls I3D and DeepfakeBench uses: one logit, binary cross entropy, dropout 0.5.
Deviation: the loss is computed on the logit; the reference applies it to the sigmoid, which loses digits.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from training.core.registry import DETECTORS
from training.detectors._clip_classifier import SigmoidClipClassifier
from training.networks.i3d import released


@DETECTORS.register("i3d")
class I3D(SigmoidClipClassifier):
    """See the module."""

    family = "video"
    year = 2017

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with SlowFast's names below ``resnet.``."""
        return released(state)

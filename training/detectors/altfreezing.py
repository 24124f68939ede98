"""An inflated ResNet-50 whose spatial and temporal convolutions learn in turn.

Reference: Wang et al., "AltFreezing for More General Video Face Forgery Detection", CVPR 2023, section 3.2. Of every
``every + 1`` steps the first trains the spatial convolutions (1 x 3 x 3), the others the temporal ones (3 x 1 x 1); all
else always learns.
Deviations: the weights are frozen before the forward pass; the reference froze them after it, so that its spatial
convolutions learned in the first step only. The paper's fake clips are made by the recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._clip_classifier import SigmoidClipClassifier
from training.detectors.base import Update
from training.networks.i3d import released, spatial_weights, temporal_weights


@DETECTORS.register("altfreezing")
class AltFreezing(SigmoidClipClassifier):
    """See the module.

    Args:
        every: temporal steps for each spatial one.
    """

    family = "video"
    year = 2023

    def __init__(self, backbone: Callable[[], nn.Module], dropout: float = 0.5, every: int = 20) -> None:
        super().__init__(backbone, dropout)
        self.every = every
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def training_step(self, batch: Batch, update: Update) -> Losses:
        """Freeze one kind of convolution, then step."""
        spatial = int(self.steps) % (self.every + 1) == 0
        for weights, learn in ((spatial_weights(self), spatial), (temporal_weights(self), not spatial)):
            for weight in weights:
                weight.requires_grad_(learn)
        self.steps += 1
        return super().training_step(batch, update)

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with SlowFast's names below ``resnet.``."""
        return {**released(state), "steps": torch.zeros((), dtype=torch.int64)}

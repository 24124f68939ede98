"""Xception on RGB and the picture's phase: up-sampling leaves traces in the phase spectrum.

Source: Liu et al., Spatial-phase shallow learning (CVPR 2021), eq. 1-5: the phase picture is the inverse Fourier
transform of the spectrum with its amplitude set to 1.
Loss: cross-entropy on 2 classes.
Deviations: the whole Xception instead of a shallow one, as in the reference whose weights are published.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks.xception import released, set_stem


@DETECTORS.register("spsl")
class Spsl(Classifier):
    """See the module. The fourth input channel starts from the mean kernel of the others."""

    family = "frequency"
    year = 2021
    released = released("backbone.", "backbone.")

    def __init__(self, backbone: Callable[[], nn.Module]) -> None:
        super().__init__(backbone)
        mean = self.backbone.conv1.weight.mean(1, keepdim=True)
        set_stem(self.backbone, mean.repeat(1, 4, 1, 1))

    def encode(self, image: Tensor) -> Tensor:
        """Feature map of RGB with phase."""
        return self.backbone.feature_map(torch.cat([image, phase(image)], 1))

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Those of a classifier, and the ``phase`` picture (N, 1, H, W)."""
        return {**super().outputs(image), "phase": phase(image)}


def phase(image: Tensor) -> Tensor:
    """``(N, 1, H, W)``: the mean of the channels with every amplitude of its spectrum set to 1."""
    spectrum = torch.fft.fft2(image.float().mean(1, keepdim=True))
    return torch.fft.ifft2(torch.polar(torch.ones_like(spectrum.real), spectrum.angle())).real.to(image.dtype)

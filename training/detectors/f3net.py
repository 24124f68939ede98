"""Xception on four frequency bands of the picture, whose borders are learned (FAD, the first stream of F3-Net).

Source: Qian et al., Thinking in frequency (ECCV 2020), eq. 1-2: ``y_i = D^T (D x D^T * (base_i + sigma(learned_i))) D``
with ``D`` the DCT and ``sigma(w) = 2 sigmoid(w) - 1``.
Loss: cross-entropy on 2 classes.
Deviations: without the local statistics (LFS) and their fusion, the fourth band takes all; so is the reference whose
weights are published.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
import torch
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks.xception import released, set_stem


@DETECTORS.register("f3net")
class F3Net(Classifier):
    """See the module. Filters belong to one ``resolution``; the stem starts from a quarter of the RGB kernel per band.

    Args:
        dropout: of the pooled feature.
    """

    family = "frequency"
    year = 2020
    released = {
        **released("backbone.", "backbone."),
        "backbone.last_linear.1.": "head.",
        "FAD_head._DCT_all": None,
        **{f"FAD_head.filters.{i}.base": None for i in range(4)},
        **{f"FAD_head.filters.{i}.learnable": f"bands.learned.{i}" for i in range(4)},
    }

    def __init__(self, backbone: Callable[[], nn.Module], resolution: int, dropout: float = 0.5) -> None:
        super().__init__(backbone, dropout=dropout)
        set_stem(self.backbone, self.backbone.conv1.weight.repeat(1, 4, 1, 1) / 4)
        self.bands = Bands(resolution)

    def encode(self, image: Tensor) -> Tensor:
        """Feature map of the bands."""
        return self.backbone.feature_map(self.bands(image))

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Those of a classifier, and the twelve-channel picture ``fad``."""
        return {**super().outputs(image), "fad": self.bands(image)}


class Bands(nn.Module):
    """``(N, 3, R, R)`` -> ``(N, 12, R, R)``: the picture's low, middle, high and all frequencies."""

    def __init__(self, size: int) -> None:
        super().__init__()
        edges = [(0, int(size // 2.82)), (int(size // 2.82), size // 2), (size // 2, size * 2), (0, size * 2)]
        degree = torch.arange(size)[:, None] + torch.arange(size)
        dct = scipy.fft.dct(np.eye(size), axis=0, norm="ortho")
        self.register_buffer("dct", torch.from_numpy(dct).float(), persistent=False)
        base = torch.stack([(degree >= low) & (degree <= high) for low, high in edges]).float()
        self.register_buffer("base", base, persistent=False)
        self.learned = nn.ParameterList(torch.randn(size, size) * 0.1 for _ in edges)

    def forward(self, image: Tensor) -> Tensor:
        """Bands in order, each with its three colors."""
        spectrum = self.dct @ image @ self.dct.T
        filters = self.base + 2 * torch.stack(list(self.learned)).sigmoid() - 1
        return torch.cat([self.dct.T @ (spectrum * f) @ self.dct for f in filters], 1)

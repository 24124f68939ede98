"""CADDM's artifact detection module: four maps on top of a backbone's, each saying where a face was tampered with.

Source: Dong et al., Implicit identity leakage (CVPR 2023), section 4.1. The priors belong to 224-pixel pictures, whose
backbone map has 7 x 7 cells: the maps have 7, 5, 3 and 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.anchors import PER_CELL, prior_boxes


class ArtifactDetection(nn.Module):
    """``(N, dim, 7, 7)`` -> the four maps, codes ``(N, 168, 4)`` and logits of nothing and artifact ``(N, 168, 2)``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Shrink(dim, 1), Shrink(dim, 3), Shrink(dim, 3), LastShrink(dim)])
        self.location = _predictors(dim, 4 * PER_CELL)
        self.confidence = _predictors(dim, 2 * PER_CELL)
        self.register_buffer("priors", prior_boxes(), persistent=False)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """See the class."""
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps, _joined(self.location, maps, 4), _joined(self.confidence, maps, 2)


class Shrink(nn.Module):
    """A residual block without padding: a map with ``kernel - 1`` fewer cells across and down."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(dim, dim, kernel), nn.BatchNorm2d(dim)
        self.conv2, self.bn2 = nn.Conv2d(dim, dim, 3, padding=1, bias=False), nn.BatchNorm2d(dim)
        self.downsample = nn.Sequential(nn.Conv2d(dim, dim, kernel, bias=False), nn.BatchNorm2d(dim))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, dim, h, w)`` -> ``(N, dim, h - kernel + 1, w - kernel + 1)``."""
        found = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(found + self.downsample(x))


class LastShrink(nn.Module):
    """A residual block to one cell, without the normalization that one cell would not bear."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(dim, dim, 3), nn.Conv2d(dim, dim, 1)
        self.downsample = nn.Conv2d(dim, dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, dim, 3, 3)`` -> ``(N, dim, 1, 1)``."""
        return F.relu(self.conv2(F.relu(self.conv1(x))) + self.downsample(x))


def _predictors(dim: int, out: int) -> nn.ModuleList:
    return nn.ModuleList([*(nn.Conv2d(dim, out, 3, padding=1) for _ in range(3)), nn.Conv2d(dim, out, 1)])


def _joined(predictors: nn.ModuleList, maps: list[Tensor], numbers: int) -> Tensor:
    """Predictions of all maps in the order of the priors, ``(N, 168, numbers)``."""
    found = [predict(x).permute(0, 2, 3, 1).flatten(1) for predict, x in zip(predictors, maps, strict=True)]
    return torch.cat(found, 1).unflatten(1, (-1, numbers))

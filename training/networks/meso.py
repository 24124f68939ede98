"""The two small networks of MesoNet (Afchar et al., WIFS 2018), as the published weights of DeepfakeBench have them.

Layers share batch norms (affine parameters and running statistics alike), which the paper's do not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ConfigError


def _dim(resolution: int) -> int:
    if resolution % 32:
        raise ConfigError(f"data.resolution is {resolution}; MesoNet needs a multiple of 32")
    return 16 * (resolution // 32) ** 2


class Meso4(nn.Module):
    """Four convolutions, each with ReLU, batch norm, pooling: ``(N, 3, R, R)`` -> ``(N, dim)``."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.dim = _dim(resolution)
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(8, 8, 5, padding=2, bias=False)
        self.conv3 = nn.Conv2d(8, 16, 5, padding=2, bias=False)
        self.conv4 = nn.Conv2d(16, 16, 5, padding=2, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(8), nn.BatchNorm2d(16)

    def feature_map(self, image: Tensor) -> Tensor:
        """The flattened map that the classifier sees."""
        x = _pooled(self.conv1, self.bn1, image, 2)
        x = _pooled(self.conv2, self.bn1, x, 2)
        x = _pooled(self.conv3, self.bn2, x, 2)
        return _pooled(self.conv4, self.bn2, x, 4).flatten(1)


class MesoInception4(nn.Module):
    """Two inception modules without activations, then two convolutions: ``(N, 3, R, R)`` -> ``(N, dim)``."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.dim = _dim(resolution)
        self.inception1 = Inception(3, (1, 4, 4, 2))
        self.inception2 = Inception(11, (2, 4, 4, 2))
        self.conv1 = nn.Conv2d(12, 16, 5, padding=2, bias=False)
        self.conv2 = nn.Conv2d(16, 16, 5, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(16)

    def feature_map(self, image: Tensor) -> Tensor:
        """The flattened map that the classifier sees."""
        x = self.inception2(self.inception1(image))
        x = _pooled(self.conv1, self.bn1, x, 2)
        return _pooled(self.conv2, self.bn1, x, 4).flatten(1)


class Inception(nn.Module):
    """1x1; 1x1 and 3x3 with dilations 1, 2, 3; concatenated, normalized, halved in size."""

    def __init__(self, dim: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Sequential(nn.Conv2d(dim, widths[0], 1, bias=False))])
        for dilation, width in enumerate(widths[1:], start=1):
            wide = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
            self.branches.append(nn.Sequential(nn.Conv2d(dim, width, 1, bias=False), wide))
        self.bn = nn.BatchNorm2d(sum(widths))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, dim, h, w)`` -> ``(N, sum(widths), h/2, w/2)``."""
        return F.max_pool2d(self.bn(torch.cat([branch(x) for branch in self.branches], 1)), 2)


def head(dim: int) -> nn.Sequential:
    """The classifier of both."""
    return nn.Sequential(nn.Dropout(0.5), nn.Linear(dim, 16), nn.LeakyReLU(0.1), nn.Dropout(0.5), nn.Linear(16, 2))


def _pooled(conv: nn.Module, norm: nn.Module, x: Tensor, size: int) -> Tensor:
    return F.max_pool2d(norm(conv(x).relu()), size)

"""Heads of open-world attribution on a convolutional map.

Sources: Sun et al. (ICCV 2023; IJCV 2025) for necks, parts and bands; the CAL paper (AAAI 2026) for the attention from
frequencies; shapes and initial values as the published code has them (OWDFA.md, 4).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ConfigError
from training.networks.frequency import haar


def neck(dim: int) -> nn.BatchNorm1d:
    """A batch norm on pooled features whose bias stays 0 ("BN-neck", Luo et al., CVPR Workshops 2019)."""
    norm = nn.BatchNorm1d(dim)
    norm.bias.requires_grad_(False)
    return norm


def classifier(dim: int, outputs: int) -> nn.Linear:
    """A linear layer without bias, from small normal weights."""
    layer = nn.Linear(dim, outputs, bias=False)
    nn.init.normal_(layer.weight, std=0.001)
    return layer


def grid_pool(feature: Tensor, cells: int) -> Tensor:
    """``(N, C, h, w)`` pooled to ``(N, C, cells, cells)`` by equal windows that may overlap.

    Per axis of ``n`` places the stride is ``n // cells``, and the window as wide as that allows.

    Raises:
        ConfigError: there are fewer places than cells.
    """
    if min(feature.shape[2:]) < cells:
        size = " x ".join(map(str, feature.shape[2:]))
        raise ConfigError(f"a map of {size} has no {cells} x {cells} parts; raise data.resolution or change backbone")
    strides = [size // cells for size in feature.shape[2:]]
    windows = [size - (cells - 1) * stride for size, stride in zip(feature.shape[2:], strides, strict=True)]
    return F.avg_pool2d(feature, windows, strides)


class Parts(nn.Module):
    """The vectors of a ``cells`` x ``cells`` grid, each through a neck of its own."""

    def __init__(self, dim: int, cells: int) -> None:
        super().__init__()
        self.cells = cells
        self.necks = nn.ModuleList(neck(dim) for _ in range(cells**2))

    def forward(self, feature: Tensor) -> Tensor:
        """``(N, C, h, w)`` to ``(N, C, cells ** 2)``, row by row."""
        places = grid_pool(feature, self.cells).flatten(2).unbind(2)
        return torch.stack([norm(place) for norm, place in zip(self.necks, places, strict=True)], 2)


def haar_bands(feature: Tensor) -> list[Tensor]:
    """Details along y, x and both of ``(N, C, h, w)``, each ``(N, C, h/2 * w/2)``; an odd side gets a row of zeros."""
    height, width = feature.shape[2:]
    feature = F.pad(feature, (0, width % 2, 0, height % 2))
    x, y, both = haar(feature)[1].chunk(3, dim=1)
    return [band.flatten(2) for band in (y, x, both)]


class FrequencyAttention(nn.Module):
    """Where a picture's learned frequencies are strong: CAL's frequency-guided feature enhancement.

    ``sigmoid(mean over colors of IDCT(DCT(x) * sigmoid(conv(relu(conv(DCT(x)))))))``, pooled to ``cells`` x ``cells``.
    """

    def __init__(self, cells: int = 8) -> None:
        super().__init__()
        self.cells = cells
        self.mask = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` to ``(N, 1, cells, cells)`` in (0, 1)."""
        # The spectrum's sums are too large for half precision.
        with torch.autocast(image.device.type, enabled=False):
            rows, columns = (cosines(size, image.device) for size in image.shape[2:])
            spectrum = rows @ image.float() @ columns.T
            picture = inverse(rows) @ (spectrum * self.mask(spectrum).sigmoid()) @ inverse(columns).T
        return grid_pool(picture.mean(1, keepdim=True).sigmoid(), self.cells)


def cosines(size: int, device: torch.device | None = None) -> Tensor:
    """``(size, size)`` matrix of the unnormalized DCT-II: ``2 cos(pi (2 n + 1) k / (2 size))`` at row k, column n."""
    n = torch.arange(size, dtype=torch.float64, device=device)
    return (2 * torch.cos(torch.pi * (2 * n + 1) * n[:, None] / (2 * size))).float()


def inverse(matrix: Tensor) -> Tensor:
    """The inverse of :func:`cosines`, whose rows are orthogonal."""
    return (matrix / matrix.square().sum(1, keepdim=True)).T

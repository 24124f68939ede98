"""UCF's decoder: a picture from the content of one face in the style of another (Yan et al., ICCV 2023, eq. 2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class StyleDecoder(nn.Module):
    """``style`` and ``content`` maps ``(N, dim, h, w)`` -> pictures ``(N, 3, 32 h, 32 w)`` in [-1, 1]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        widths = [dim >> i for i in range(4)]
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.ReLU())
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.dropout = nn.Dropout(0.3)
        self.last = nn.Conv2d(widths[-1], 3, 1)

    def forward(self, style: Tensor, content: Tensor) -> Tensor:
        """At each level the content takes the style's statistics; both then grow through the same layers."""
        x = content
        for i, level in enumerate(self.levels):
            x = level(self.dropout(_grown(adain(x, style), 2)))
            if i < len(self.levels) - 1:
                style = level(self.dropout(_grown(style, 2)))
        return _grown(self.last(x), 4).tanh()


def adain(content: Tensor, style: Tensor, eps: float = 1e-5) -> Tensor:
    """``content`` with the mean and deviation that each channel of ``style`` has over the picture."""
    return (content - _mean(content)) / _deviation(content, eps) * _deviation(style, eps) + _mean(style)


def _mean(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


def _deviation(x: Tensor, eps: float) -> Tensor:
    return (x.var((2, 3), keepdim=True) + eps).sqrt()


def _grown(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=True)

"""Parts of RECCE (Cao et al., CVPR 2022): reconstruct the face, reason over scales, look where it fails."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timm.models.xception import Block, SeparableConv2d
from torch import Tensor, nn


class Decoder(nn.Module):
    """Middle features ``(N, dim, h, w)`` -> picture ``(N, 3, 8 h, 8 w)`` in [-1, 1], and two maps on the way."""

    def __init__(self, dim: int, widths: tuple[int, int, int], dropout: float) -> None:
        super().__init__()
        first, second, third = widths
        self.dropout = nn.Dropout(dropout)
        self.grow1, self.block1 = _grow(dim, first), Block(first, first, 3)
        self.grow2, self.block2 = _grow(first, second), Block(second, second, 3)
        self.grow3, self.last = _grow(second, third), nn.Conv2d(third, 3, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The map at twice the size, that at four times, the picture."""
        twice = self.block1(self.grow1(self.dropout(x)))
        four = self.block2(self.grow2(twice))
        return twice, four, self.last(self.grow3(four)).tanh()


def _grow(dim: int, out: int) -> nn.Sequential:
    conv = SeparableConv2d(dim, out, 3, padding=1)
    return nn.Sequential(nn.Upsample(scale_factor=2), conv, nn.BatchNorm2d(out), nn.ReLU())


class MultiScaleGraph(nn.Module):
    """Each place of the encoder gathers what the decoder has there, patch by patch (section 3.3)."""

    def __init__(self, dim: int, widths: tuple[int, int], dropout: float) -> None:
        super().__init__()
        inner = widths[0]
        self.embed = nn.Sequential(
            nn.Conv2d(dim, inner, 1, bias=False), nn.ReLU(), nn.Conv2d(inner, inner, 1, bias=False)
        )
        self.scales = nn.ModuleList(Aggregate(dim, inner, width) for width in widths)
        self.project = nn.Sequential(
            nn.Conv2d(3 * inner, dim, 1, bias=False), nn.ReLU(), nn.Conv2d(dim, dim, 1, bias=False), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor, scales: list[Tensor]) -> Tensor:
        """What to add to ``x (N, dim, h, w)``; ``scales`` are whole multiples of its size."""
        own = self.embed(x)
        gathered = [scale(x, own, finer) for scale, finer in zip(self.scales, scales, strict=True)]
        return self.project(torch.cat([*gathered, own], 1).sigmoid())


class Aggregate(nn.Module):
    """One of the decoder's maps seen from the encoder's places."""

    def __init__(self, dim: int, inner: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(width, inner, bias=False), nn.ReLU(), nn.Linear(inner, inner, bias=False))
        self.relate = nn.Linear(2 * inner, 1, bias=False)
        self.gate = nn.Conv2d(dim, inner, 1, bias=False)

    def forward(self, x: Tensor, own: Tensor, finer: Tensor) -> Tensor:
        """``(N, inner, h, w)``: the patch of ``finer`` at each place, weighted by its relation to ``own``."""
        n, inner, h, w = own.shape
        side = finer.shape[-1] // w
        patches = F.unfold(finer, side, stride=side).view(n, finer.shape[1], side * side, h * w)
        members = self.embed(patches.permute(0, 3, 2, 1))  # (N, places, members, inner)
        centers = own.flatten(2).transpose(1, 2)[:, :, None].expand_as(members)
        weights = self.relate(torch.cat([centers, members], -1)).relu().softmax(2)
        gathered = (weights * members).sum(2).transpose(1, 2).reshape(n, inner, h, w)
        return gathered * (1 - self.gate(x).sigmoid())


class ResidualAttention(nn.Module):
    """Weighs features by where the reconstruction is off (section 3.4)."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(3, 1, 1, bias=False), nn.Sigmoid()
        )
        self.transform = nn.Sequential(nn.Conv2d(dim, dim, 1, bias=False), nn.BatchNorm2d(dim), nn.ReLU())
        self.dropout = nn.Dropout(dropout)

    def forward(self, image: Tensor, rebuilt: Tensor, x: Tensor) -> Tensor:
        """``x`` plus its transform where ``rebuilt`` differs from ``image``."""
        residual = F.interpolate((image - rebuilt).abs(), x.shape[-2:], mode="bilinear", align_corners=True)
        return self.gate(residual) * self.transform(x) + self.dropout(x)

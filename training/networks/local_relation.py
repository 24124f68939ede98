"""Parts of local relation learning (Chen et al., AAAI 2021): high frequencies, fusion, similarity, mask decoder."""

from __future__ import annotations

import numpy as np
import scipy.fft
import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRAY = (0.299, 0.587, 0.114)


class HighPass(nn.Module):
    """Pictures normalized to [-1, 1] -> their gray high frequencies ``(N, 1, R, R)``: DCT, low ones off, inverse DCT.

    Args:
        size: R.
        cut: coefficients whose row and column sum to less than this share of R are off.
    """

    def __init__(self, size: int, cut: float = 0.33) -> None:
        super().__init__()
        dct = scipy.fft.dct(np.eye(size), axis=0, norm="ortho")
        self.register_buffer("dct", torch.from_numpy(dct).float(), persistent=False)
        degree = torch.arange(size)[:, None] + torch.arange(size)
        self.register_buffer("keep", (degree >= cut * size).float(), persistent=False)
        self.register_buffer("gray", torch.tensor(GRAY).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Normalized like the pictures, so that no high frequency at all is -1."""
        gray = ((image + 1) / 2 * self.gray).sum(1, keepdim=True)
        high = self.dct.T @ (self.dct @ gray @ self.dct.T * self.keep) @ self.dct
        return high * 2 - 1


class Fusion(nn.Module):
    """Two streams ``(N, dim, h, w)`` weigh each other, place by place."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2 * dim, dim, 1), nn.BatchNorm2d(dim), nn.ReLU(), nn.Conv2d(dim, 2, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams, weighted."""
        weights = self.layers(torch.cat([a, b], 1))
        return a * weights[:, :1], b * weights[:, 1:]


def similarity(feature: Tensor) -> Tensor:
    """``(N, P, P)`` in [0, 1]: ``(1 + cos) / 2`` between the P patches of 2x2 places of ``feature``."""
    patches = F.normalize(F.unfold(feature, 2, stride=2), dim=1)
    return (1 + patches.transpose(1, 2) @ patches) / 2


def off_diagonal(matrix: Tensor) -> Tensor:
    """``(N, P (P - 1))``: entries of ``(N, P, P)`` row by row, without the diagonal."""
    size = matrix.shape[-1]
    # Without the first entry, every row of size + 1 ends in one of the diagonal.
    return matrix.flatten(1)[:, 1:].unflatten(1, (size - 1, size + 1))[..., :-1].flatten(1)


class MaskDecoder(nn.Module):
    """Features ``(N, dim, h, w)`` -> mask ``(N, 1, 32 h, 32 w)`` in [0, 1]."""

    def __init__(self, dim: int, widths: tuple[int, ...] = (256, 256, 128, 64)) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), *_normed(a, b), *_normed(b, b))
            for a, b in zip((dim, *widths), widths, strict=False)
        )
        self.last = nn.Conv2d(widths[-1], 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        for level in self.levels:
            x = level(x)
        return self.last(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)).sigmoid()


def _normed(dim: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(dim, out, 3, padding=1), nn.InstanceNorm2d(out), nn.ReLU()]

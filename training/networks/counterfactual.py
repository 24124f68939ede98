"""CDAL's attention: maps that explain a forgery, maps that explain nothing, and pictures recombined from both.

Source: the CDAL paper on counterfactually decoupled attention for open-world attribution (ICCV 2025); shapes and
initial values as published (OWDFA.md, 5.7).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from timm.layers import CondConv2d
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

EXPERTS, MAPS = 4, 64
EPSILON = 1e-6


class RoutedConv(nn.Module):
    """A convolution whose kernel each picture mixes from four experts (Yang et al., NeurIPS 2019), without bias."""

    def __init__(self, channels: int, outputs: int, kernel: int, groups: int = 1) -> None:
        super().__init__()
        self.routing = nn.Linear(channels, EXPERTS)
        self.cond_conv = CondConv2d(channels, outputs, kernel, padding=kernel // 2, groups=groups, num_experts=EXPERTS)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels, h, w)`` to ``(N, outputs, h, w)``."""
        return self.cond_conv(x, self.routing(x.mean((2, 3))).sigmoid())


class AttentionMaps(nn.Module):
    """``maps`` attention maps, not negative, of a feature map: half of them pointwise, half from these by depth."""

    def __init__(self, channels: int, maps: int = MAPS) -> None:
        super().__init__()
        half = maps // 2
        self.cross = nn.Sequential(RoutedConv(channels, half, 1), nn.BatchNorm2d(half), nn.ReLU())
        self.depth = nn.Sequential(RoutedConv(half, half, 3, groups=half), nn.BatchNorm2d(half), nn.ReLU())

    def forward(self, feature: Tensor) -> Tensor:
        """``(N, C, h, w)`` to ``(N, maps, h, w)``."""
        across = self.cross(feature)
        return torch.cat([across, self.depth(across)], 1)


def pooled(attention: Tensor, feature: Tensor) -> Tensor:
    """Every channel of ``feature`` (N, C, h, w) under every map (N, M, h, w): ``(N, M * C)`` of unit length.

    Means over places, signed square roots.
    """
    matrix = torch.einsum("nmhw,nchw->nmc", attention, feature) / feature.shape[2:].numel()
    rooted = matrix.sign() * (matrix.abs() + EPSILON).sqrt()
    return F.normalize(rooted.flatten(1), dim=1)


def mismatch(attention: Tensor, feature: Tensor, other: Tensor, changed: Tensor, left_out: Tensor) -> Tensor:
    """Mean distance of what maps see in ``feature`` and in ``changed``, all (N, C, h, w), per map.

    ``attention`` and ``other``: (N, M, h, w) maps of the two; ``left_out``: (N,) the map by which they differ.
    """
    first, second = (
        F.normalize(torch.einsum("nmhw,nchw->nmc", maps, x), dim=2)
        for maps, x in ((attention, feature), (other, changed))
    )
    distance = (first - second).norm(dim=2)
    return distance.scatter(1, left_out[:, None], 0.0).mean()


def strength(attention: Tensor) -> Tensor:
    """How strong each of the maps (N, M, h, w) is, ``(N, M)``: by this share one is drawn."""
    return (attention.sum((2, 3)) + EPSILON).sqrt()


def drawn(attention: Tensor) -> Tensor:
    """One map of each picture by its strength: ``(N,)``."""
    return torch.multinomial(strength(attention.detach().float()), 1).squeeze(1)


def half_size(feature: Tensor) -> Tensor:
    """``(N, C, h/2, w/2)``, bilinear from corner to corner."""
    return F.interpolate(feature, scale_factor=0.5, mode="bilinear", align_corners=True)


def degraded(feature: Tensor, noise: Tensor) -> Tensor:
    """``feature`` (N, C, h, w) after shrinking, blurring, ``noise`` (N, C, h/2, w/2) and enlarging."""
    blurred = gaussian_blur(half_size(feature), [11, 11], [7.0, 7.0])
    return F.interpolate(blurred + 0.1 * noise, feature.shape[2:], mode="bilinear", align_corners=True)


@dataclass(frozen=True)
class Choice:
    """The random part of a recombination: a factual and a counterfactual map of each picture, and noise."""

    fact: Tensor
    counter: Tensor
    noise: Tensor


def recombined(feature: Tensor, fact: Tensor, counter: Tensor, choice: Choice) -> Tensor:
    """``feature`` under one factual map, and its degraded self under a counterfactual one, (N, C, h, w)."""
    rows = torch.arange(len(feature), device=feature.device)
    kept, lost = fact[rows, choice.fact][:, None], counter[rows, choice.counter][:, None]
    return feature * kept + degraded(feature, choice.noise) * lost

"""Parts of multi-attentional detection (Zhao et al., CVPR 2021): maps, textures, pooling, augmentation, their loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.devices import on_device_of


class AttentionMaps(nn.Module):
    """Features ``(N, dim, h, w)`` -> ``maps`` attention maps ``(N, maps, h, w)``, positive and zero at the border."""

    def __init__(self, dim: int, maps: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(dim, dim, 3, padding=1),
            nn.BatchNorm2d(dim),
            nn.ReLU(),
            nn.Conv2d(dim, maps, 1, bias=False),
            nn.BatchNorm2d(maps),
            nn.ELU(),
        )
        inside = F.pad(torch.ones(1, 1, 20, 20), (2, 2, 2, 2))
        self.register_buffer("inside", inside, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return (self.layers(x) + 1) * F.interpolate(self.inside, x.shape[-2:], mode="nearest")


class Textures(nn.Module):
    """What shallow features hold beyond their coarse part, in ``4 dim`` channels by a dense block."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(dim, dim, 1)
        self.dense = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(i * dim), nn.ReLU(), nn.Conv2d(i * dim, dim, 3, padding=1)) for i in (1, 2, 3)
        )
        self.last = nn.Sequential(
            nn.BatchNorm2d(4 * dim), nn.ReLU(), nn.Conv2d(4 * dim, 4 * dim, 1), nn.BatchNorm2d(4 * dim)
        )

    def forward(self, x: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Textures, as large as ``x``; the coarse part, of ``size``."""
        coarse = F.adaptive_avg_pool2d(x, size)
        found = self.first(x - F.interpolate(coarse, x.shape[-2:], mode="nearest"))
        for layer in self.dense:
            found = torch.cat([found, layer(found)], 1)
        return self.last(found), coarse


def attention_pool(x: Tensor, maps: Tensor, mean: bool = False) -> Tensor:
    """``(N, M, C)``: features ``(N, C, h, w)`` summed under each of ``maps`` (N, M, ., .), which grow to their size.

    ``mean``: divided by the map's own sum.
    """
    if maps.shape[-2:] != x.shape[-2:]:
        maps = F.interpolate(maps, x.shape[-2:], mode="bilinear", align_corners=True)
    if mean:
        maps = maps / maps.sum((2, 3), keepdim=True).clamp_min(1e-6)
    return torch.einsum("nmhw,nchw->nmc", maps, x)


class RegionIndependence(nn.Module):
    """Each map's pooled features stay near their center, and centers apart (section 3.3, eq. 4-6).

    Args:
        maps, dim: of the features.
        margins: distance from the center that reals and fakes may have.
        apart: distance that centers should have.
        rate, decay: of the centers' moving average; the rate falls by the factor ``decay`` per epoch.
    """

    def __init__(
        self,
        maps: int,
        dim: int,
        margins: tuple[float, float] = (0.05, 0.1),
        apart: float = 0.2,
        rate: float = 0.05,
        decay: float = 0.9,
    ) -> None:
        super().__init__()
        self.margins, self.apart, self.decay = margins, apart, decay
        self.register_buffer("centers", torch.zeros(maps, dim))
        self.register_buffer("rate", torch.tensor(rate))

    def slow_down(self) -> None:
        """At the end of an epoch."""
        self.rate *= self.decay

    def forward(self, coarse: Tensor, maps: Tensor, label: Tensor) -> Tensor:
        """The loss; moves the centers. Their new place has a gradient, which the rate shrinks and we grow again."""
        values = F.normalize(attention_pool(coarse, maps).float(), dim=2)
        centers = self.centers + self.rate * (values - self.centers).mean(0)
        margin = on_device_of(label, self.margins)[label]
        near = ((values - centers.detach()).norm(dim=2) - margin[:, None]).relu().mean()
        first, second = torch.triu_indices(len(centers), len(centers), 1, device=centers.device)
        between = (self.apart - (centers[first] - centers[second]).norm(dim=1)).relu().sum()
        self.centers.copy_(centers.detach())
        return near + between / len(centers) / self.rate


class AttentionBlur(nn.Module):
    """Attention guided data augmentation: what one map looks at is blurred, so that others have to be looked at."""

    def __init__(self, kernel: int = 11, sigma: float = 7.0, noise: float = 0.1) -> None:
        super().__init__()
        self.noise = noise
        line = torch.exp(-((torch.arange(kernel) - kernel // 2) ** 2) / (2 * sigma**2))
        window = torch.outer(line, line) / line.sum() ** 2
        self.register_buffer("window", window.repeat(3, 1, 1, 1), persistent=False)

    def forward(self, image: Tensor, maps: Tensor) -> Tensor:
        """``image`` (N, 3, H, W), degraded where a randomly chosen map is strong."""
        odds = (maps.sum((2, 3)) + 1).sqrt()
        chosen = torch.multinomial(odds, 1).squeeze(1)
        map_ = maps[torch.arange(len(maps), device=maps.device), chosen][:, None]
        map_ = map_ / map_.amax((2, 3), keepdim=True).clamp_min(1e-6)
        threshold, zoom = (_uniform(len(maps), low, high, maps.device) for low, high in ((0.4, 0.6), (3.0, 5.0)))
        floor = (-threshold * zoom).sigmoid()
        weight = ((((map_ - threshold) * zoom).sigmoid() - floor) / (1 - floor)).clamp(0, 1)
        weight = F.interpolate(weight, image.shape[-2:], mode="bilinear", align_corners=True)
        small = F.interpolate(image, scale_factor=0.5, mode="bilinear", align_corners=True)
        blurred = F.conv2d(small, self.window, padding=self.window.shape[-1] // 2, groups=3)
        blurred = blurred + self.noise * torch.randn_like(blurred)
        blurred = F.interpolate(blurred, image.shape[-2:], mode="bilinear", align_corners=True)
        return image * (1 - weight) + blurred * weight


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.empty(count, 1, 1, 1, device=device).uniform_(low, high)

"""Parts that join a picture's RGB stream with its noise (Luo et al., CVPR 2021, section 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def srm_kernels() -> Tensor:
    """Three high-pass kernels of steganalysis (Fridrich & Kodovsky, 2012), ``(3, 5, 5)``: KB, KV, second order."""
    kernels = torch.zeros(3, 5, 5)
    kernels[0, 1:4, 1:4] = torch.tensor([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
    quarter = torch.tensor([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2]])
    kernels[1] = torch.stack([*quarter, torch.tensor([-2, 8, -12, 8, -2]), *quarter.flip(0)]) / 12
    kernels[2, 2, 1:4] = torch.tensor([1, -2, 1]) / 2
    return kernels


class ImageNoise(nn.Module):
    """``(N, 3, H, W)`` picture -> its three noise pictures: each kernel over the sum of the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", srm_kernels()[:, None].repeat(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Noise, within [-3, 3]."""
        return F.hardtanh(F.conv2d(image, self.kernel, padding=2), -3, 3)


class FeatureNoise(nn.Module):
    """``(N, dim, H, W)`` features -> what is noise in them.

    The published weights belong to a bank in which a channel does not see three kernels but, in most cases, one
    kernel three times.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("kernel", srm_kernels()[:, None].repeat_interleave(dim, 0), persistent=False)
        self.mix = nn.Sequential(nn.Conv2d(3 * dim, dim, 1, bias=False), nn.BatchNorm2d(dim), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Same shape, not negative."""
        return self.mix(F.hardtanh(F.conv2d(x, self.kernel, padding=2, groups=self.dim), -3, 3))


class NoiseAttention(nn.Module):
    """A map ``(N, 1, h, w)``, as large as the stem's output, of where the noise picture is suspicious."""

    def __init__(self, widths: tuple[int, int]) -> None:
        super().__init__()
        first, second = widths
        self.noise = ImageNoise()
        self.conv = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
        )
        self.spatial = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, noise: Tensor) -> Tensor:
        """In [0, 1]."""
        x = self.conv(self.noise(noise))
        return self.spatial(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid()


class CrossAttention(nn.Module):
    """Each stream adds what the other has at the places related to its own; for maps of ``cells`` places."""

    def __init__(self, dim: int, cells: int) -> None:
        super().__init__()
        narrow = dim // 8
        self.keys = nn.ModuleList(nn.Conv2d(dim, narrow, 1) for _ in range(2))
        self.shared = nn.Conv2d(narrow, narrow, 1)
        self.relate = nn.ModuleList(nn.Linear(cells, cells) for _ in range(2))
        self.values = nn.ModuleList(nn.Conv2d(dim, dim, 1) for _ in range(2))
        self.gains = nn.ParameterList(torch.zeros(1) for _ in range(2))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams ``(N, dim, h, w)`` after the exchange."""
        key_x, key_y = (self.shared(key(z)).flatten(2) for key, z in zip(self.keys, (x, y), strict=True))
        energy = key_x.transpose(1, 2) @ key_y
        to_x = self.relate[0](energy).softmax(-1)
        to_y = self.relate[1](energy.transpose(1, 2)).softmax(-1)
        value_x, value_y = (value(z).flatten(2) for value, z in zip(self.values, (x, y), strict=True))
        return (
            self.gains[0] * (value_y @ to_x.transpose(1, 2)).view_as(x) + x,
            self.gains[1] * (value_x @ to_y.transpose(1, 2)).view_as(y) + y,
        )


class Fusion(nn.Module):
    """Two maps ``(N, dim, h, w)`` -> one, its channels weighted by how strong they are in the picture."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.join = nn.Sequential(nn.Conv2d(2 * dim, dim, 1, bias=False), nn.BatchNorm2d(dim), nn.ReLU())
        self.weigh = nn.Sequential(
            nn.Conv2d(dim, dim // 16, 1, bias=False), nn.ReLU(), nn.Conv2d(dim // 16, dim, 1, bias=False)
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The joined map."""
        joined = self.join(torch.cat([x, y], 1))
        weights = self.weigh(joined.mean((2, 3), keepdim=True)) + self.weigh(joined.amax((2, 3), keepdim=True))
        return joined * weights.sigmoid()

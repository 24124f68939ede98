"""What a face's high frequencies say: FFT and wavelet details, edges, and the adapter that reads them.

Source: Assay's own specification of clip_freq; the idea of band-filtered pictures is F3-Net's (Qian et al., ECCV 2020),
that of boundaries Face X-ray's (Li et al., CVPR 2020).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.devices import on_device_of

STEM = (32, 64, 128)
JOINED = 256


def luma(image: Tensor) -> Tensor:
    """BT.601 luma ``(N, 1, H, W)`` of RGB ``(N, 3, H, W)``."""
    return (image * on_device_of(image, [0.299, 0.587, 0.114], image.dtype).view(3, 1, 1)).sum(1, keepdim=True)


def fft_high_pass(image: Tensor, cutoff: float = 0.25, softness: float = 0.05) -> Tensor:
    """The frequencies above ``cutoff`` (share of Nyquist, soft edge) of each channel of ``image (N, C, H, W)``."""
    height, width = image.shape[-2:]
    fy, fx = torch.fft.fftfreq(height, device=image.device), torch.fft.rfftfreq(width, device=image.device)
    radius = torch.hypot(fy[:, None], fx[None]) / 0.5
    keep = torch.sigmoid((radius - cutoff) / softness)
    return torch.fft.irfft2(torch.fft.rfft2(image, norm="ortho") * keep, s=(height, width), norm="ortho")


def haar(image: Tensor) -> tuple[Tensor, Tensor]:
    """One level of the orthonormal Haar wavelet transform of ``image (N, C, H, W)``, H and W even.

    Returns:
        The approximation ``(N, C, H/2, W/2)`` and the details LH, HL, HH ``(N, 3C, H/2, W/2)``: differences along x,
        along y, and along both.
    """
    p, q = image[..., ::2, ::2], image[..., ::2, 1::2]
    r, s = image[..., 1::2, ::2], image[..., 1::2, 1::2]
    details = torch.cat([p - q + r - s, p + q - r - s, p - q - r + s], dim=1)
    return (p + q + r + s) / 2, details / 2


def haar_details(image: Tensor) -> Tensor:
    """Details of two Haar levels, the coarser enlarged to the finer: ``(N, 6C, H/2, W/2)``, H and W divisible by 4."""
    approximation, fine = haar(image)
    _, coarse = haar(approximation)
    return torch.cat([fine, F.interpolate(coarse, scale_factor=2, mode="nearest")], dim=1)


def edge_maps(image: Tensor) -> Tensor:
    """High-pass residual and Sobel magnitude of the luma, each divided by its mean over the picture.

    Args:
        image: RGB ``(N, 3, H, W)`` in [0, 1].

    Returns:
        ``(N, 2, H, W)``; independent of contrast, 0 where the picture is flat.
    """
    y = luma(image)
    residual = (y - binomial_blur(y)).abs()
    row = on_device_of(y, [1, 2, 1], y.dtype) / 8
    column = on_device_of(y, [-1, 0, 1], y.dtype)
    sobel_x = torch.outer(row, column)
    gradient = F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), torch.stack([sobel_x, sobel_x.T])[:, None])
    maps = torch.cat([residual, gradient.norm(dim=1, keepdim=True)], dim=1)
    return maps / (maps.mean(dim=(2, 3), keepdim=True) + 1e-6)


def binomial_blur(image: Tensor) -> Tensor:
    """``image (N, 1, H, W)`` smoothed with the 5x5 binomial filter, borders reflected."""
    row = on_device_of(image, [1, 4, 6, 4, 1], image.dtype) / 16
    return F.conv2d(F.pad(image, (2, 2, 2, 2), mode="reflect"), torch.outer(row, row)[None, None])


def border_of(mask: Tensor, grid: int) -> Tensor:
    """Where a soft mask is neither in nor out: ``4 B (1 - B)`` of ``mask (N, 1, H, W)`` blurred and pooled to ``grid``.

    Face X-ray's equation 2; values in [0, 1].
    """
    soft = F.adaptive_avg_pool2d(binomial_blur(mask), grid)
    return 4 * soft * (1 - soft)


def _stem(channels: int, strides: tuple[int, int, int], grid: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width, stride in zip(STEM, strides, strict=True):
        layers += [nn.Conv2d(channels, width, 3, stride, padding=1), nn.GroupNorm(8, width), nn.GELU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(grid))


class FrequencyAdapter(nn.Module):
    """Reads FFT and wavelet details of a picture on the patch grid, weighted toward boundaries, into one vector.

    Args:
        mean, std: with which the pictures were normalized.
        grid: cells a side of the backbone's patch grid.
        branches: which details are read.
        boundary: weight the grid by a learned function of the edge maps; otherwise every cell counts alike.
    """

    dim = JOINED

    def __init__(
        self,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        grid: int,
        branches: Literal["fft", "dwt", "both"],
        boundary: bool,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.grid = grid
        self.stems = nn.ModuleDict()
        if branches != "dwt":
            self.stems["fft"] = _stem(3, (2, 2, 2), grid)
        if branches != "fft":
            self.stems["dwt"] = _stem(18, (1, 2, 2), grid)
        self.join = nn.Sequential(nn.Conv2d(STEM[-1] * len(self.stems), JOINED, 1), nn.GELU())
        self.weigh = (
            nn.Sequential(
                nn.Conv2d(2, 8, 3, padding=1, padding_mode="replicate"),
                nn.GELU(),
                nn.Conv2d(8, 1, 3, padding=1, padding_mode="replicate"),
            )
            if boundary
            else None
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """What normalized pictures ``(N, 3, H, W)`` hold.

        Returns:
            ``joined (N, 256)``; ``fft`` and ``dwt (N, 128)`` of the branches in use; with boundaries also ``weight``
            ``(N, 1, P, P)`` of mean 1 and its raw ``boundary_logit``.
        """
        with torch.autocast(image.device.type, enabled=False):  # bf16 would drown the small residuals
            plain = image.float() * self.std + self.mean
            details = {name: FILTERS[name](plain) for name in self.stems}
            edges = F.adaptive_avg_pool2d(edge_maps(plain), self.grid) if self.weigh else None
        maps = {name: self.stems[name](details[name]) for name in self.stems}
        found: dict[str, Tensor] = {}
        weight: Tensor | float = 1.0
        if self.weigh is not None:
            found["boundary_logit"] = self.weigh(edges).float()
            raw = found["boundary_logit"].sigmoid()
            found["weight"] = weight = raw / raw.mean(dim=(2, 3), keepdim=True)
        joined = self.join(torch.cat(list(maps.values()), dim=1))
        pooled = {name: (weight * value).mean(dim=(2, 3)) for name, value in {**maps, "joined": joined}.items()}
        return {**found, **pooled}


FILTERS = {"fft": fft_high_pass, "dwt": haar_details}

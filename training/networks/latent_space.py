"""Augmentation of fakes' feature maps, and the layers around it (LSDA, Yan et al., CVPR 2024, section 3)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.devices import on_device_of
from training.networks.efficientnet import B4_DEPTH, timm_key

TURN, ZOOM = math.radians(30), 0.2
"""How far, at most, the affine transformation turns a map and changes its scale: a choice of ours."""


class Encoder(nn.Module):
    """``network``'s feature map, brought to ``dim`` channels."""

    def __init__(self, network: nn.Module, dim: int) -> None:
        super().__init__()
        self.net, self.squeeze = network, nn.Conv2d(network.dim, dim, 1)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim, h, w)``."""
        return self.squeeze(self.net.feature_map(image))


def released_encoder(key: str) -> str:
    """Our name of an entry of the reference's encoders, EfficientNets all."""
    part, _, rest = key.partition(".")
    return f"net.{timm_key(rest, B4_DEPTH)}" if part == "model" else f"squeeze.{rest}"


def fusion(dim: int) -> nn.Sequential:
    """What makes one map of two, ``(N, 2 dim, h, w)`` -> ``(N, dim, h, w)``."""
    wide = nn.Conv2d(2 * dim, dim, 1)
    layers = (wide, nn.Conv2d(dim, dim, 3, padding=1), nn.Conv2d(dim, dim, 3, padding=1))
    return nn.Sequential(*(module for layer in layers for module in (layer, nn.LeakyReLU())))


def judge(dim: int, hidden: int, classes: int) -> nn.Sequential:
    """Logits of a map's mean."""
    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*pooled, nn.Linear(dim, hidden), nn.LeakyReLU(), nn.Linear(hidden, classes))


def within_domain(z: Tensor, domain: Tensor) -> Tensor:
    """Each map of ``z (N, C, h, w)`` moved by one of four transformations at random.

    Toward its domain's hardest example, the one farthest from the domain's mean; away from that mean; turned and
    scaled; or noisy. What a domain is, is seen from the rows with the same ``domain (N,)``.
    """
    z = z.float()
    far = torch.rand(4, len(z), 1, 1, 1, device=z.device)
    mean, hardest = domain_mean(z, domain), hardest_example(z, domain)
    noise = far[2] * far[3] * torch.randn_like(z)  # of a random scale: a mixture of zero-mean Gaussians
    moved = torch.stack([z + far[0] * (hardest - z), z + far[1] * (z - mean), affine(z), z + noise])
    return moved[torch.randint(len(moved), (len(z),), device=z.device), torch.arange(len(z), device=z.device)]


def domain_mean(z: Tensor, domain: Tensor) -> Tensor:
    """For each row, the mean of its domain's rows."""
    same = (domain[:, None] == domain).float()
    return ((same / same.sum(1, keepdim=True)) @ z.flatten(1)).view_as(z)


def hardest_example(z: Tensor, domain: Tensor) -> Tensor:
    """For each row, the row of its domain that is farthest from the domain's mean."""
    distance = (z - domain_mean(z, domain)).flatten(1).norm(dim=1)
    return z[torch.where(domain[:, None] == domain, distance, -1.0).argmax(1)]


def affine(z: Tensor) -> Tensor:
    """Each map turned and scaled around its center by random amounts; what comes from outside repeats the border."""
    angle, scale = (torch.rand(2, len(z), device=z.device) * 2 - 1) * on_device_of(z, [[TURN], [ZOOM]], z.dtype)
    cosine, sine = angle.cos() / (1 + scale), angle.sin() / (1 + scale)
    zero = torch.zeros_like(angle)
    matrix = torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(z.shape), align_corners=False)
    return F.grid_sample(z, grid, padding_mode="border", align_corners=False)


def across_domains(z: Tensor, domain: Tensor) -> Tensor:
    """Each map mixed with a random one of another domain, at a share from Beta(a, a), a from 0.5 to 2.

    A row without one, because there is but one domain, stays as it is.
    """
    z = z.float()
    other = (domain[:, None] != domain).float()
    lonely = other.sum(1, keepdim=True) == 0
    partner = torch.multinomial(torch.where(lonely, torch.eye(len(z), device=z.device), other), 1).squeeze(1)
    peak = 0.5 + 1.5 * torch.rand(len(z), device=z.device)
    share = torch.distributions.Beta(peak, peak, validate_args=False).sample()[:, None, None, None]
    return share * z + (1 - share) * z[partner]

"""EfficientNet-B4 with attention, without parameters, to what a place says that its neighbors do not.

Source: Sun et al., An information theoretic approach for attention-driven face forgery detection (ECCV 2022), eq. 3-8.
Loss: cross-entropy on 2 classes.
Deviations: differences between channels are summed as the published weights saw them, five neighboring channels of one
shift instead of the five shifts of a channel. Means are taken per picture, not over the batch, so that a score does
not depend on other pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks.efficientnet import released

SHIFTS = 5
LEVELS = (5, 9, 21)
"""After these blocks of the network."""


@DETECTORS.register("sia")
class Sia(Classifier):
    """See the module."""

    family = "spatial"
    year = 2022
    released = {
        **released("backbone.", "backbone."),
        **{f"att{i}conv.": None for i in range(7)},
        **{f"conv{i}.": f"skips.{i - 1}." for i in (1, 2, 3)},
        "linear.": None,
    }

    def __init__(self, backbone: Callable[[], nn.Module]) -> None:
        super().__init__(backbone)
        first, second, third = (self.backbone.width_after(level) for level in LEVELS)
        self.skips = nn.ModuleList(_skip(*widths) for widths in ((first, second), (first, third), (second, third)))

    def encode(self, image: Tensor) -> Tensor:
        """Feature map; what one level attends to is added before the attention of the next ones."""
        net, (first, second, third) = self.backbone, LEVELS
        x, seen1 = self_information(net.run(net.stem(image), 0, first))
        x = net.run(x, first + 1, second)
        x, seen2 = self_information(x + _fit(self.skips[0](seen1), x))
        x = net.run(x, second + 1, third)
        x, _ = self_information(x + _fit(self.skips[1](seen1), x) + _fit(self.skips[2](seen2), x))
        return net.top(net.run(x, third + 1, 31))


def self_information(x: Tensor) -> tuple[Tensor, Tensor]:
    """``x`` (N, C, h, w) weighted by its own surprise, in space and by channel; and the surprise in space."""
    with torch.no_grad():
        attention = within(x) + 0.5 * across(x)
        space = attention / picture_mean(attention) / 2
        channel = 1 - ((-space).exp() + 0.1).log().mean((2, 3), keepdim=True)
    return x * (1 + space.sigmoid()) * channel, space


def within(x: Tensor) -> Tensor:
    """How far each value is from those around it in its channel."""
    return 9 * (x - F.avg_pool2d(x, 3, stride=1, padding=1)).abs()


def across(x: Tensor) -> Tensor:
    """How far each value is from those at its place in other channels."""
    n, c, h, w = x.shape
    differences = torch.cat([x - x.roll(-shift, 1) for shift in range(1, SHIFTS + 1)], 1)
    return differences.view(n, c, SHIFTS, h, w).sum(2).abs()


def picture_mean(x: Tensor) -> Tensor:
    """The mean of each picture."""
    return x.mean((1, 2, 3), keepdim=True)


def _fit(x: Tensor, like: Tensor) -> Tensor:
    return F.adaptive_max_pool2d(x, like.shape[-2:])


def _skip(dim: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(dim, out, 1), nn.BatchNorm2d(out), nn.ReLU())

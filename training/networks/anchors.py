"""Prior boxes at several scales, and the code by which a network moves and stretches them.

Source: Liu et al., SSD: Single shot multibox detector (ECCV 2016), sections 2.1 and 2.2, with the sizes of Dong et al.,
Implicit identity leakage (CVPR 2023). Boxes are shares of the picture: left, top, right, bottom, or for priors center
x, center y, width, height.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SIDE = 224
"""Pixels of the pictures that the sizes are for."""
SHIFT, STRETCH = 0.1, 0.2
"""Units of codes: of a shift, in prior widths and heights; of a stretch, its logarithm."""


@dataclass(frozen=True, slots=True)
class Level:
    """One feature map: ``cells`` x ``cells``, ``step`` pixels apart, with boxes of ``small`` x ``large`` pixels."""

    cells: int
    step: int
    small: int
    large: int


LEVELS = (Level(7, 32, 40, 80), Level(5, 45, 80, 120), Level(3, 75, 120, 160), Level(1, 224, 224, 224))
PER_CELL = 2
"""A wide and a high box, the high one first."""


def prior_boxes() -> Tensor:
    """``(168, 4)`` float32, level by level, row by row, cell by cell."""
    boxes = [
        ((column + 0.5) * level.step, (row + 0.5) * level.step, *size)
        for level in LEVELS
        for row in range(level.cells)
        for column in range(level.cells)
        for size in ((level.small, level.large), (level.large, level.small))
    ]
    return torch.tensor(boxes) / SIDE


def corners(priors: Tensor) -> Tensor:
    """Priors ``(..., 4)`` as left, top, right, bottom."""
    center, size = priors[..., :2], priors[..., 2:]
    return torch.cat([center - size / 2, center + size / 2], -1)


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of every one of ``boxes (..., M, 4)`` with every one of ``others (A, 4)``."""
    low = torch.maximum(boxes[..., None, :2], others[:, :2])
    high = torch.minimum(boxes[..., None, 2:], others[:, 2:])
    shared = (high - low).clamp_min(0).prod(-1)
    return shared / (_area(boxes)[..., None] + _area(others) - shared)


def encode(boxes: Tensor, priors: Tensor) -> Tensor:
    """The code that turns ``priors (A, 4)`` into ``boxes (..., A, 4)``."""
    center, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    shift = (center - priors[:, :2]) / (SHIFT * priors[:, 2:])
    return torch.cat([shift, (size / priors[:, 2:]).log() / STRETCH], -1)


def decode(codes: Tensor, priors: Tensor) -> Tensor:
    """The boxes that ``codes (..., A, 4)`` make of ``priors (A, 4)``."""
    center = priors[:, :2] + codes[..., :2] * SHIFT * priors[:, 2:]
    size = priors[:, 2:] * (codes[..., 2:] * STRETCH).exp()
    return corners(torch.cat([center, size], -1))


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)

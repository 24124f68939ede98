"""Multi-scale facial swap: a fake frame and the real frame that it was made from exchange the face, or a window of it.

Both show the same person in the same pose before the same background, so that nothing of these gives the fake away.
Source: Dong et al., Implicit identity leakage (CVPR 2023), section 4.2; the shares of the swaps are the authors'.
Deviations: Poisson blending keeps the face in its place and takes all masks, a window's mask lies where the window was
found, landmarks are not cut to whole pixels. Their code fails at each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from training.data.blending.face_crops import SIDE
from training.data.blending.masks import blend
from training.data.blending.regions import poisson
from training.data.blending.warps import elastic

WINDOWS = ((40, 80), (80, 120), (120, 160), (224, 224))
"""Height and width of windows, in pixels of a face cut to :data:`SIDE`."""
MARGIN = 0.2
"""By which the box around the landmarks is enlarged before a window is looked for in it."""
RIPPLE = 20.48
"""Smoothness of a deformed mask, in pixels of a 256-pixel picture: 0.08 of its height."""
VISIBLE, LEAST = 1e-3, 4800
"""Dissimilarity from which on a value counts as changed, and how many values a swap has to change."""

Mixing = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Face, background and mask to one picture."""
Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels; the last two are the first beyond."""


@dataclass(frozen=True, slots=True)
class Swap:
    """A swap, the picture that it started from, and the size of the window if not the whole face was swapped."""

    picture: np.ndarray
    background: np.ndarray
    window: tuple[int, int] | None = None
    of_fake: bool = True
    """Whether the face to be seen is the fake's."""


def swap(fake: np.ndarray, source: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> Swap:
    """A random swap between ``fake`` and ``source`` (H, W, 3), uint8; ``points`` (n, 2) are the fake's landmarks."""
    mixing = poisson if rng.random() < 0.5 else _soft_blend
    if rng.random() < 0.2:
        return _window_swap(fake, source, points, WINDOWS[rng.integers(len(WINDOWS))], mixing)
    kind = rng.random()
    if kind < 0.25:
        return Swap(fake, fake)
    mask = face_mask(points, fake.shape[:2])
    if rng.random() < 0.5:
        mask = elastic(mask, rng, strength=float(rng.integers(300, 501)), smoothness=RIPPLE)
    if kind < 0.5:
        return Swap(mixing(fake, source, mask), source)
    return Swap(mixing(source, fake, mask), fake, of_fake=False)


def face_mask(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``size`` (height, width) float32, 1 inside the convex hull of the landmarks."""
    mask = np.zeros(size, np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1)
    return mask


def face_box(points: np.ndarray, size: tuple[int, int]) -> Box:
    """The box around the landmarks, enlarged by :data:`MARGIN`, within a picture of ``size`` (height, width)."""
    low, high = points.min(0).astype(int), points.max(0).astype(int)
    left, top = low - (MARGIN / 2 * (high - low)).astype(int)
    right, bottom = (left, top) + ((1 + MARGIN) * (high - low)).astype(int)
    return max(left, 0), max(top, 0), min(right, size[1]), min(bottom, size[0])


def dissimilarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural dissimilarity ``|1 - SSIM| / 2`` of pictures (H, W, 3), uint8, per pixel and channel, float64.

    Source: Wang et al., Image quality assessment (2004): Gaussian window of 11 pixels, sigma 1.5, K1 0.01, K2 0.03.
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y, xx, yy, xy = (cv2.GaussianBlur(v, (11, 11), 1.5) for v in (x, y, x * x, y * y, x * y))
    c1, c2 = 2.55**2, 7.65**2
    means, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    ssim = (2 * means + c1) * (2 * (xy - means) + c2) / ((squares + c1) * (xx + yy - squares + c2))
    return np.abs(1 - ssim) / 2


def most_changed(change: np.ndarray, height: int, width: int) -> Box:
    """The window of a map (H, W) with the largest sum, in steps of a fifth of the map; the first of equal ones.

    A window larger than the map is cut to it.
    """
    height, width = min(height, change.shape[0]), min(width, change.shape[1])
    rows = np.arange(0, change.shape[0] - height + 1, max(change.shape[0] // 5, 1))
    columns = np.arange(0, change.shape[1] - width + 1, max(change.shape[1] // 5, 1))
    total = cv2.integral(change)
    bands = total[rows + height] - total[rows]
    sums = bands[:, columns + width] - bands[:, columns]
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    left, top = int(columns[column]), int(rows[row])
    return left, top, left + width, top + height


def artifact_box(picture: np.ndarray, background: np.ndarray, window: tuple[int, int]) -> Box | None:
    """Where in the aligned ``picture`` the ``window`` (height, width) lies that differs most from ``background``.

    None if the two hardly differ anywhere.
    """
    change = dissimilarity(picture, background)
    if (change > VISIBLE).sum() <= LEAST:
        return None
    return most_changed(change.sum(2), *window)


def _window_swap(
    fake: np.ndarray, source: np.ndarray, points: np.ndarray, window: tuple[int, int], mixing: Mixing
) -> Swap:
    """The window of the face in which the two pictures differ most, from the fake."""
    left, top, right, bottom = face_box(points, fake.shape[:2])
    inside = (slice(top, bottom), slice(left, right))
    change = dissimilarity(fake[inside], source[inside]).sum(2) * face_mask(points, fake.shape[:2])[inside]
    height, width = (int(part * length / SIDE) for part, length in zip(window, change.shape, strict=True))
    box = most_changed(change, max(height, 1), max(width, 1))
    mask = np.zeros(fake.shape[:2], np.float32)
    mask[top + box[1] : top + box[3], left + box[0] : left + box[2]] = 1
    return Swap(mixing(fake, source, mask), source, window)


def _soft_blend(face: np.ndarray, background: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return blend(face, background, cv2.GaussianBlur(mask, (5, 5), 3).clip(0, 1))

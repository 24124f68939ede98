"""Soft masks, and blending by them."""

from __future__ import annotations

import cv2
import numpy as np

from training.data.blending.hulls import POINTS, REFERENCE_SIDE, SELF_BLENDING_KINDS, XRAY_KINDS, hull
from training.data.blending.warps import grid_warp, random_shift, shifted


def mix(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``mask * source + (1 - mask) * target``, float32; pictures (H, W, 3) uint8, mask (H, W) in [0, 1]."""
    return target + mask.astype(np.float32)[..., None] * (source.astype(np.float32) - target)


def blend(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """:func:`mix` as uint8; rounded, because cutting decimals off would darken what was blended."""
    return np.rint(mix(source, target, mask)).astype(np.uint8)


def odd(low: int, high: int, rng: np.random.Generator) -> int:
    """A random odd number from odd ``low`` to odd ``high``."""
    return int(rng.integers(low // 2, high // 2 + 1)) * 2 + 1


def softened(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A hull mask (H, W), 0 to 1, as float32 that falls off around a border somewhat inside its own, more or less far.

    Source: Shiohara & Yamasaki, CVPR 2022, section 3.1: two Gaussian filters; between them what is not wholly inside
    is cut away. The mask passes through a random coarser size, which varies the filters' reach.
    """
    side = mask.shape[0]
    height, width = (int(n) for n in rng.integers(3 * side // 4, side + 1, 2))
    small = cv2.resize(mask.astype(np.float32), (width, height))
    small = _normalized(blurred(small, side, odd(5, 25, rng)))
    small = (small >= 1 - 1e-6).astype(np.float32)
    small = _normalized(blurred(small, side, odd(5, 25, rng), float(rng.integers(5, 46))))
    return cv2.resize(small, (side, side)).clip(0, 1)


def blurred(mask: np.ndarray, side: int, kernel: int, sigma: float = 0.0) -> np.ndarray:
    """A mask of a face of ``side`` pixels after a Gaussian filter; ``kernel`` (odd) and ``sigma`` are for 256 pixels.

    Sigma 0 is the one that suits the kernel.
    """
    scale = side / REFERENCE_SIDE
    kernel = int(kernel * scale) // 2 * 2 + 1
    return np.minimum(cv2.GaussianBlur(mask, (kernel, kernel), sigma * scale), 1)  # sums of float32 may pass 1


def random_region(points: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A random part of the face (points (68 or 81, 2)) of random shape: ``(side, side)`` float32 in [0, 1].

    Source: Li et al., Face X-ray (CVPR 2020), section 3.2: one of five hulls, in nine of ten cases warped, never
    beyond the whole face.
    """
    mask = hull(XRAY_KINDS[rng.integers(len(XRAY_KINDS))], points, side).astype(np.float32)
    if rng.random() < 0.1:
        return mask
    deformed = grid_warp(mask, rng) * hull("whole", points, side)
    return deformed if deformed.any() else mask


def misplaced_hull(points: np.ndarray, side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One of four hulls under a small random shift, ``(side, side)`` float32 in [0, 1], and the shift ``(2, 3)``.

    The forehead of 81 points is left out in one of four cases. Source: Shiohara & Yamasaki, CVPR 2022, section 3.1.
    """
    if rng.random() < 0.25:
        points = points[:POINTS]
    kind = SELF_BLENDING_KINDS[rng.integers(len(SELF_BLENDING_KINDS))]
    shift = random_shift(side, rng)
    return shifted(hull(kind, points, side).astype(np.float32), shift), shift


def feathered(mask: np.ndarray, share: float = 0.2) -> np.ndarray:
    """Weights that rise from 0 at the border of the mask's convex hull to 1 within ``share`` of its longer side.

    Returns:
        ``(H, W)`` float32 in [0, 1], all 0 for an empty mask; only where ``mask (H, W)`` is not 0 counts.
    """
    weights = np.zeros(mask.shape, np.float32)
    support = cv2.findNonZero((mask > 0).astype(np.uint8))
    if support is None:
        return weights
    corners = cv2.convexHull(support)[:, 0].astype(np.float32)
    (left, top), (right, bottom) = corners.min(0).astype(int), corners.max(0).astype(int)
    y, x = np.mgrid[top : bottom + 1, left : right + 1].astype(np.float32)
    depth = np.full(x.shape, np.inf, np.float32)
    for here, there in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (there - here) / max(np.linalg.norm(there - here), 1e-6)
        depth = np.minimum(depth, (y - here[1]) * along[0] - (x - here[0]) * along[1])
    reach = max(share * max(right - left, bottom - top), 1e-6)
    weights[top : bottom + 1, left : right + 1] = (depth / reach).clip(0, 1)
    return weights


def _normalized(mask: np.ndarray) -> np.ndarray:
    return mask / mask.max() if mask.max() > 0 else mask

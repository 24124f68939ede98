"""Fakes that differ in one part of the face, blended in one of three ways: what a learnt forger chooses among.

Source: Chen et al., Self-supervised learning of adversarial example (SLADD, CVPR 2022), section 3.2: a region, a way of
blending and, for mixing, its magnitude. All is on uint8 pictures, (H, W, 3), and masks (H, W).
"""

from __future__ import annotations

import cv2
import numpy as np

from training.data.blending.color import match_color
from training.data.blending.hulls import REFERENCE_SIDE
from training.data.blending.masks import blend, blurred, feathered, odd
from training.data.blending.warps import five_points, grid_warp

REGIONS = (
    ("eye_l",),
    ("eye_r",),
    ("eyes",),
    ("nose",),
    ("mouth",),
    ("nose", "eye_l"),
    ("nose", "eye_r"),
    ("nose", "eyes"),
    ("nose", "mouth"),
    ("nose", "eyes", "mouth"),
)
BLENDINGS = ("feather", "poisson", "mix")


def region(number: int, points: np.ndarray, side: int) -> np.ndarray:
    """``(side, side)`` uint8, 1 within region ``number`` of ``REGIONS`` for landmarks (68 or 81, 2)."""
    left, right = five_points(points)[:2]
    between = float(np.linalg.norm(right - left))
    lines = {
        "eye_l": (points[36], points[39], np.linalg.norm(points[39] - points[36])),
        "eye_r": (points[42], points[45], np.linalg.norm(points[45] - points[42])),
        "eyes": (left, right, between / 4),
        "nose": (points[33], (left + right) / 2, between / 4),
        "mouth": (points[48], points[54], np.linalg.norm(points[54] - points[48]) / 3),
    }
    return np.maximum.reduce([_thick(*lines[name], side) for name in REGIONS[number]])


def roughened(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A region of random outline, float32 in [0, 1]: warped, sometimes shrunk or grown, mostly blurred."""
    side = mask.shape[0]
    warped = grid_warp(mask.astype(np.float32), rng, spread=10, cells=5)
    hard = (blurred(warped, side, 5, 3) > 0).astype(np.float32)
    for change in (cv2.erode, cv2.dilate):
        if rng.random() < 0.3:
            reach = max(odd(3, 19, rng) * side // REFERENCE_SIDE, 1)
            hard = change(hard, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return blurred(hard, side, odd(3, 17, rng)) if rng.random() < 0.9 else hard


def forge(
    source: np.ndarray, target: np.ndarray, mask: np.ndarray, blending: str, magnitude: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """``target`` with ``source`` blended in where ``mask`` (H, W) in [0, 1] says, and the weights by which it was.

    Args:
        source, target: aligned faces of one size.
        mask: see :func:`roughened`.
        blending: of ``BLENDINGS``.
        magnitude: share of the source in a mix, in [0, 1].
        rng: draws how far a feathered border reaches.
    """
    source = match_color(source, target, mask)
    if blending == "poisson":
        return poisson(source, target, mask), mask
    weights = mask * magnitude if blending == "mix" else feathered(mask, rng.uniform(0, 0.2))
    return blend(source, target, weights), weights


def _thick(start: np.ndarray, stop: np.ndarray, reach: float, side: int) -> np.ndarray:
    """A line with all that is at most ``reach`` and a pixel away from it, in city blocks."""
    ends = [tuple(int(v) for v in np.rint(point)) for point in (start, stop)]
    away = cv2.line(np.ones((side, side), np.uint8), *ends, 0)
    return (cv2.distanceTransform(away, cv2.DIST_L1, 3) <= int(reach) + 1).astype(np.uint8)


def poisson(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``target`` with the gradients of ``source`` where ``mask`` (H, W) is above 0.5 (Perez et al. 2003)."""
    inside = np.zeros(mask.shape, np.uint8)
    inside[1:-1, 1:-1] = 255 * (mask[1:-1, 1:-1] > 0.5)
    left, top, width, height = cv2.boundingRect(inside)
    if not width:
        return target
    center = (left + width // 2, top + height // 2)
    cloned = cv2.seamlessClone(source, target, inside.copy(), center, cv2.NORMAL_CLONE)  # which overwrites its mask
    return np.where(inside[..., None] > 0, cloned, target)  # and solves for the whole rectangle

"""Face masks from landmarks: unions of convex hulls over 68 iBUG points, or over 81 with the forehead.

The kinds are those of the public blending recipes: ``normal`` ... ``whole`` of Face X-ray (Li et al., CVPR 2020),
``dfl`` ... ``face`` of DeepFaceLab and faceswap as used for self-blending (Shiohara & Yamasaki, CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

POINTS = 68
REFERENCE_SIDE = 256
"""Side of the faces, in pixels, for which the literature gives lengths."""

_NOSE = (*range(27, 31), *range(31, 36))
_DFL = (
    (*range(27, 31), 33),
    (*range(17), 48),
    (*range(17, 27), 0, 27, 16, 33),
)
_COMPONENTS = (
    (*range(9), 17),
    (*range(8, 17), 26),
    (*range(17, 20), 8),
    (*range(24, 27), 8),
    (*range(19, 25), 8),
    (*range(17, 22), 27, *range(31, 36), 8),
    (*range(22, 27), 27, *range(31, 36), 8),
    _NOSE,
)

HullKind = str
Parts = list[np.ndarray]


def hull(kind: HullKind, points: np.ndarray, side: int) -> np.ndarray:
    """``(side, side)`` uint8, 1 inside the hulls that ``kind`` (a key of ``HULLS``) makes of 68 or 81 landmarks."""
    mask = np.zeros((side, side), np.uint8)
    for part in HULLS[kind](points.astype(np.float32), side):
        cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(part).astype(np.int32)), 1)
    return mask


def _chosen(points: np.ndarray, parts: tuple[tuple[int, ...], ...]) -> Parts:
    return [points[list(part)] for part in parts]


def _extended(points: np.ndarray, side: int) -> Parts:  # noqa: ARG001 - all kinds are called alike
    """The components with brows lifted by half their distance to the eyes."""
    p = points.astype(np.int32)
    outer = [(p[eye] + (p[eye] + p[jaw]) // 2) // 2 for eye, jaw in ((36, 0), (45, 16))]
    lids = np.stack([outer[0], *p[36:40], *p[42:46], outer[1]])
    p[17:27] += (p[17:27] - lids) // 2
    return _chosen(p, _COMPONENTS)


def _whole(points: np.ndarray, side: int) -> Parts:
    """Jaw and brows, with chin and forehead made larger."""
    p = points[:27].copy()
    p[18:27, 1] -= (points[9, 1] - points[22, 1]) // 4
    p[5:12, 1] += 15 * side / REFERENCE_SIDE
    return [p]


HULLS: dict[HullKind, Callable[[np.ndarray, int], Parts]] = {
    "normal": lambda p, _: [p],
    "inner": lambda p, _: [p[17:]],
    "inner_no_brows": lambda p, _: [p[27:]],
    "mouth": lambda p, _: [p[[*range(2, 15), 29]]],
    "whole": _whole,
    "dfl": lambda p, _: _chosen(p, _DFL),
    "components": lambda p, _: _chosen(p, _COMPONENTS),
    "extended": _extended,
    "face": lambda p, _: [p],
}
XRAY_KINDS = ("normal", "inner", "inner_no_brows", "mouth", "whole")
SELF_BLENDING_KINDS = ("dfl", "components", "extended", "face")

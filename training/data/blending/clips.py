"""Fake clips out of real ones: time that jumps or stands still, a border that moves along, features that drift.

Sources: Wang et al., AltFreezing (CVPR 2023), which drops and repeats frames and blends whole clips; Yan et al. (CVPR
2025), whose video-level blending warps each frame by itself and blends it with the original. How far and how often is
ours: at most a quarter of a clip's frames, and the warps of self-blending.
"""

from __future__ import annotations

import numpy as np

from training.data.blending.hulls import XRAY_KINDS, hull
from training.data.blending.masks import blend, softened
from training.data.blending.self_blend import self_blend
from training.data.blending.warps import random_shift, shifted

Pictures = list[np.ndarray]
"""The frames of a clip, ``(S, S, 3)`` uint8 each."""


def dropped(length: int, spare: int, rng: np.random.Generator) -> list[int]:
    """Which frames are shown where ``length`` of ``length + spare`` are left, after some were cut out at one place.

    The result begins with 0 and has one jump, by ``spare`` at most, at least 1.
    """
    gone = int(rng.integers(1, min(spare, _most(length)) + 1))
    cut = int(rng.integers(1, length))
    return [i if i < cut else i + gone for i in range(length)]


def repeated(length: int, rng: np.random.Generator) -> list[int]:
    """Which of ``length`` frames are shown where one is held for a while; the last ones then find no place."""
    again = int(rng.integers(1, _most(length) + 1))
    held = int(rng.integers(0, length - 1))
    return [i if i <= held else max(held, i - again) for i in range(length)]


def blended(faces: Pictures, points: list[np.ndarray], rng: np.random.Generator) -> tuple[Pictures, Pictures]:
    """A real clip and a fake one: :func:`self_blend` of each frame with the same draws, so that nothing flickers."""
    seed = int(rng.integers(2**63))
    made = [self_blend(face, p, np.random.default_rng(seed)) for face, p in zip(faces, points, strict=True)]
    return [real for real, _, _ in made], [fake for _, fake, _ in made]


def drifted(faces: Pictures, points: list[np.ndarray], rng: np.random.Generator) -> tuple[Pictures, Pictures]:
    """The real clip, and one in which a part of the face is somewhat elsewhere in every frame.

    The part and its soft border are drawn once, its shift and size for each frame.
    """
    kind, seed, side = XRAY_KINDS[rng.integers(len(XRAY_KINDS))], int(rng.integers(2**63)), faces[0].shape[0]
    fakes = []
    for face, p in zip(faces, points, strict=True):
        mask = softened(hull(kind, p, side), np.random.default_rng(seed))
        fakes.append(blend(shifted(face, random_shift(side, rng)), face, mask))
    return faces, fakes


def _most(length: int) -> int:
    return max(1, length // 4)

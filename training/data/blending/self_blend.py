"""A face blended with a slightly changed copy of itself (Shiohara & Yamasaki, CVPR 2022, section 3)."""

from __future__ import annotations

import numpy as np

from training.data.blending.color import disturb
from training.data.blending.masks import blend, misplaced_hull, softened
from training.data.blending.warps import elastic, shifted

RATIOS = (0.25, 0.5, 0.75, 1, 1, 1)


def self_blend(
    face: np.ndarray, points: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The face as it is to count as real, the fake made of it, and the mask of what was blended.

    Source and target are copies of the face; one of them gets other colors, the source is misplaced.

    Args:
        face: ``(S, S, 3)`` uint8.
        points: its landmarks ``(68 or 81, 2)``.
        rng: how much is drawn from it does not depend on the face.

    Returns:
        Two pictures like ``face``, and ``(S, S)`` float32 in [0, 1].
    """
    source, target = (disturb(face, rng), face) if rng.random() < 0.5 else (face, disturb(face, rng))
    mask, shift = misplaced_hull(points, face.shape[0], rng)
    mask = softened(elastic(mask, rng), rng) * np.float32(rng.choice(RATIOS))
    return target, blend(shifted(source, shift), target, mask), mask

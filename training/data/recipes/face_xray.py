"""Real faces with another's face blended in, aligned to theirs, and the soft mask whose border is the face X-ray.

Source: Li et al., Face X-ray for more general face forgery detection (CVPR 2020), section 3.2.
Deviations: half of the faces are aligned by a similarity of five points, half piecewise by 48, as in the public
recipes; partners never come from the same source or another split, as the paper demands and those forget.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.core.registry import RECIPES
from training.data.blending.color import disturb, match_color
from training.data.blending.hulls import REFERENCE_SIDE, hull
from training.data.blending.masks import blend, blurred, odd, random_region
from training.data.blending.warps import five_points, piecewise_affine, shifted, similarity
from training.data.recipes._made import Made, PartnerFakes

OUTER = slice(48)
"""Jaw, brows, nose and eyes: the points that span the face; lips move too much."""
BLUR = 17
"""Widest Gaussian kernel of a mask, in pixels of a 256-pixel face."""


@RECIPES.register("face_xray")
class FaceXray(PartnerFakes):
    """See the module."""

    def make(self, index: int, rng: np.random.Generator) -> Made:
        """The partner's face, moved onto the own landmarks, within a random region of what both share."""
        donor = self.donor(index, rng)
        target, points = self.face(self.reals[index])
        source, inside = _aligned(*self.face(donor), points, target.shape[0], rng)
        target, source = disturb(target, rng), disturb(source, rng)
        mask = _within(random_region(points, target.shape[0], rng), inside)
        mask = blurred(mask, target.shape[0], odd(3, BLUR, rng))
        return Made(target, blend(match_color(source, target, mask), target, mask), mask, donor)


def _aligned(
    face: np.ndarray, own: np.ndarray, points: np.ndarray, side: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """``face`` with its landmarks ``own`` moved near ``points`` of a ``side`` x ``side`` picture, and where it is."""
    if rng.random() < 0.5:
        matrix = similarity(five_points(own), five_points(points))
        where = hull("whole", own, face.shape[0])
        return shifted(face, matrix, cv2.INTER_CUBIC, side), shifted(where, matrix, cv2.INTER_NEAREST, side)
    return piecewise_affine(face, own[OUTER], points[OUTER], side)


def _within(region: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """``region`` where the source has a face, so far from its edge that no blur reaches across."""
    reach = BLUR * inside.shape[0] // REFERENCE_SIDE
    safe = cv2.erode(inside, np.ones((reach, reach), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return region * safe if (region * safe).any() else region

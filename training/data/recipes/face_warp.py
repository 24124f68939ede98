"""Real faces whose inner part was made coarser and put back: the traces of a swapped face's resizing and warping.

Source: Li & Lyu, Exposing deepfake videos by detecting face warping artifacts (CVPR Workshops 2019), section 3.
Deviations: the aligned face is the upright square around brows, eyes, nose and mouth instead of a mean face's; changes
of color are the run's ``data.augment``.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.core.registry import RECIPES
from training.data.blending.masks import blend, random_region
from training.data.blending.warps import inner_square, move, put_back, shifted
from training.data.recipes._made import Made, MadeFakes

SCALES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


@RECIPES.register("face_warp")
class FaceWarp(MadeFakes):
    """See the module."""

    def make(self, index: int, rng: np.random.Generator) -> Made:
        """The aligned face is shrunk, blurred, enlarged, and put back within a random region."""
        face, points = self.face(self.reals[index])
        side = face.shape[0]
        matrix = inner_square(points, side)
        aligned = coarser(shifted(face, matrix), rng.choice(SCALES))
        region = random_region(move(points, matrix), side, rng)
        mask = put_back((region > 0).astype(np.float32), matrix)
        return Made(face, blend(put_back(aligned, matrix), face, mask), mask)


def coarser(face: np.ndarray, scale: float) -> np.ndarray:
    """``face`` at ``scale`` of its size, blurred by a 5x5 Gaussian, at its own size again."""
    side = face.shape[0]
    small = max(round(side * scale), 1)
    return cv2.resize(cv2.GaussianBlur(cv2.resize(face, (small, small)), (5, 5), 0), (side, side))

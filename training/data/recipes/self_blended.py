"""Real faces blended with slightly changed copies of themselves: the borders and mismatches of forgery, little else.

Source: Shiohara & Yamasaki, Detecting deepfakes with self-blended images (CVPR 2022), section 3.
Deviations: what the paper applies to both pictures alike (flip, colors, JPEG) is the run's ``data.augment``; faces
keep the margin they were cut with.
"""

from __future__ import annotations

import numpy as np

from training.core.registry import RECIPES
from training.data.blending.self_blend import self_blend
from training.data.recipes._made import Made, MadeFakes


@RECIPES.register("self_blended")
class SelfBlended(MadeFakes):
    """See the module."""

    def make(self, index: int, rng: np.random.Generator) -> Made:
        """See :func:`self_blend`."""
        return Made(*self_blend(*self.face(self.reals[index]), rng))

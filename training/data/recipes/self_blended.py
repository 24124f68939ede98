"""Real faces blended with slightly changed copies of themselves: the borders and mismatches of forgery, little else.

Source: Shiohara & Yamasaki, Detecting deepfakes with self-blended images (CVPR 2022), section 3.
Deviations: what the paper applies to both pictures alike (flip, colors, JPEG) is the run's ``data.augment``; faces
keep the margin they were cut with.
"""

from __future__ import annotations

import numpy as np

from training.core.registry import RECIPES
from training.data.blending.color import disturb
from training.data.blending.masks import blend, misplaced_hull, softened
from training.data.blending.warps import elastic, shifted
from training.data.recipes._made import Made, MadeFakes

RATIOS = (0.25, 0.5, 0.75, 1, 1, 1)


@RECIPES.register("self_blended")
class SelfBlended(MadeFakes):
    """See the module."""

    def make(self, index: int, rng: np.random.Generator) -> Made:
        """Source and target are copies of one face; one of them gets other colors, the source is misplaced."""
        face, points = self.face(self.reals[index])
        source, target = (disturb(face, rng), face) if rng.random() < 0.5 else (face, disturb(face, rng))
        mask, shift = misplaced_hull(points, face.shape[0], rng)
        mask = softened(elastic(mask, rng), rng) * np.float32(rng.choice(RATIOS))
        return Made(target, blend(shifted(source, shift), target, mask), mask)

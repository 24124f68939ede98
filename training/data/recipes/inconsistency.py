"""Real faces with another's face blended in, and where: pictures whose parts come from two sources.

Source: Zhao et al., Learning self-consistency for deepfake detection (ICCV 2021), section 3.2, the inconsistency image
generator (I2G).
Deviations: none known; the paper leaves ranges open, which are those of :mod:`self_blended`.
"""

from __future__ import annotations

import numpy as np

from training.core.registry import RECIPES
from training.data.blending.color import match_color
from training.data.blending.masks import blend, misplaced_hull, softened
from training.data.blending.warps import elastic, shifted
from training.data.recipes._made import Made, PartnerFakes
from training.data.transforms import resize


@RECIPES.register("inconsistency")
class Inconsistency(PartnerFakes):
    """See the module."""

    def make(self, index: int, rng: np.random.Generator) -> Made:
        """The partner's face lies where the own one was: stored faces are aligned already."""
        donor = self.donor(index, rng)
        target, points = self.face(self.reals[index])
        source = resize(self.image(donor), target.shape[0])
        mask, shift = misplaced_hull(points, target.shape[0], rng)
        source = match_color(shifted(source, shift), target, mask)
        mask = softened(elastic(mask, rng), rng)
        return Made(target, blend(source, target, mask), mask, donor)

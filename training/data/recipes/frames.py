"""Single frames, one per draw."""

from __future__ import annotations

import numpy as np

from training.core.registry import RECIPES
from training.core.types import Sample
from training.data.recipe import Recipe


@RECIPES.register("frames")
class Frames(Recipe):
    """Every frame once per epoch."""

    def __len__(self) -> int:
        return len(self.records)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """The frame ``index``."""
        return [self.sample(self.records[index], rng)]

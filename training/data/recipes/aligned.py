"""Single frames, each face cut anew by its landmarks: how detectors trained by the recipe ``mfs`` are tested."""

from __future__ import annotations

import numpy as np

from training.core.registry import RECIPES
from training.core.types import Sample
from training.data.blending.face_crops import Pose, crop_matrix, cropped
from training.data.recipe import Corpus, Recipe
from training.data.recipes._made import check_landmarks, points_of


@RECIPES.register("aligned")
class Aligned(Recipe):
    """Every frame once per epoch; stored pictures may be faces or whole frames.

    Args:
        corpus: any records with landmarks.
    """

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        check_landmarks("aligned", self.records)

    def __len__(self) -> int:
        return len(self.records)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """The frame ``index``."""
        record = self.records[index]
        matrix = crop_matrix(points_of(self, record, "aligning faces"), Pose())
        return [self.sample(record, rng, self.corpus.transform(cropped(self.image(record), matrix), rng))]

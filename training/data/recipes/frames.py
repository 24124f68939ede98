"""Single frames, one per draw."""

from __future__ import annotations

import numpy as np

from training.core.registry import RECIPES
from training.core.types import Sample
from training.data.recipe import Corpus, Recipe, Wanted
from training.data.recognition import Recognition


@RECIPES.register("frames")
class Frames(Recipe):
    """Every frame once per epoch.

    Args:
        corpus: any records.
        view: give a second augmentation of each frame, when learning.
        mask: give the manipulation mask, empty for reals, when learning.
        landmarks: give the landmarks.
        identity: give what dlib's face-recognition network says of each face; needs landmarks.
    """

    def __init__(
        self,
        corpus: Corpus,
        view: bool = False,
        mask: bool = False,
        landmarks: bool = False,
        identity: bool = False,
    ) -> None:
        super().__init__(corpus)
        # Only losses look at a second view or a mask; test sets may have no masks at all.
        self.wanted = Wanted(view and corpus.training, mask and corpus.training, landmarks)
        self.recognition = Recognition() if identity else None

    @property
    def pictures_only(self) -> bool:
        """See :class:`Recipe`."""
        return self.wanted == Wanted() and self.recognition is None

    def __len__(self) -> int:
        return len(self.records)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """The frame ``index``."""
        record = self.records[index]
        sample = self.full_sample(record, rng, self.wanted)
        if self.recognition:
            sample.face_embedding = self.recognition.of(record, self.corpus.faces.of(record))
        return [sample]

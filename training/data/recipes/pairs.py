"""A fake frame with a real frame, of the same source video where there is one."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

import numpy as np

from preprocessing.manifest import Record
from training.core.errors import DataError
from training.core.registry import RECIPES
from training.core.types import Sample
from training.data.recipe import Corpus, Recipe, Wanted


@RECIPES.register("pairs")
class Pairs(Recipe):
    """Every fake once per epoch, each behind a real.

    Args:
        corpus: real and fake records.
        match: ``source``: a real frame of the video that the fake was made from; ``any``: any real frame.
        mask: give the manipulation mask, empty for reals.
        landmarks: give the landmarks.
    """

    def __init__(
        self,
        corpus: Corpus,
        match: Literal["source", "any"] = "source",
        mask: bool = False,
        landmarks: bool = False,
    ) -> None:
        super().__init__(corpus)
        self.wanted = Wanted(mask=mask, landmarks=landmarks)
        self.fakes = [r for r in self.records if r.label == 1]
        self.reals = [r for r in self.records if r.label == 0]
        if not self.fakes or not self.reals:
            raise DataError(
                f"recipe 'pairs' needs real and fake frames, got {len(self.reals)} real and {len(self.fakes)} fake"
            )
        self.by_source: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.reals if match == "source" else []:
            self.by_source[record.dataset, record.source].append(record)

    @property
    def pictures_only(self) -> bool:
        """See :class:`Recipe`."""
        return self.wanted == Wanted()

    def __len__(self) -> int:
        return len(self.fakes)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """A real, then the fake ``index``."""
        fake = self.fakes[index]
        reals = self.by_source.get((fake.dataset, fake.source)) or self.reals
        real = reals[rng.integers(len(reals))]
        return [self.full_sample(real, rng, self.wanted), self.full_sample(fake, rng, self.wanted)]

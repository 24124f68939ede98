"""A real frame together with the same frame as each manipulation changed it."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from preprocessing.manifest import Record
from training.core.errors import DataError
from training.core.registry import RECIPES
from training.core.types import Sample
from training.data.recipe import Corpus, Recipe

LEAST = 2
"""Manipulations that a source must have to make a group."""


@RECIPES.register("grouped")
class Grouped(Recipe):
    """Every real video once per epoch, at a random frame, followed by a fake of each method made from its source.

    Where a fake lacks the frame, its nearest one is taken; of several fakes by one method, one at random. Real videos
    with fakes of fewer than two methods are not used.

    Raises:
        DataError: no real video has fakes of two methods.
    """

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        reals: dict[tuple, list[Record]] = defaultdict(list)
        fakes: dict[tuple, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
        for record in self.records:
            source = (record.dataset, record.source, record.compression)
            if record.label == 0:
                reals[*source, record.video].append(record)
            else:
                fakes[source][record.method].append(record)
        made = {video: fakes.get(video[:3], {}) for video in reals}
        self.groups = [(reals[video], by_method) for video, by_method in made.items() if len(by_method) >= LEAST]
        if not self.groups:
            most = max(map(len, made.values()), default=0)
            raise DataError(
                f"recipe 'grouped' needs real videos of whose source there are fakes by {LEAST} methods or more; "
                f"of {len(reals)} real videos none has any by more than {most}"
            )
        if left_out := len(reals) - len(self.groups):
            self.notes.append(
                f"{left_out} of {len(reals)} real videos have fakes by fewer than {LEAST} methods: not used"
            )

    @property
    def pictures_only(self) -> bool:
        """See :class:`Recipe`."""
        return True

    def __len__(self) -> int:
        return len(self.groups)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """The group ``index``: a real, then its fakes in the order of their methods' names."""
        reals, fakes = self.groups[index]
        real = reals[rng.integers(len(reals))]
        chosen = [_nearest(fakes[method], real.frame, rng) for method in sorted(fakes)]
        return [self.sample(record, rng) for record in (real, *chosen)]


def _nearest(records: list[Record], frame: int, rng: np.random.Generator) -> Record:
    least = min(abs(record.frame - frame) for record in records)
    near = [record for record in records if abs(record.frame - frame) == least]
    return near[rng.integers(len(near))]

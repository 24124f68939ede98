"""What recipes share that make fakes out of real faces."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from preprocessing.manifest import Record
from training.core.errors import DataError
from training.core.types import UNKNOWN, Sample
from training.data.blending.hulls import POINTS
from training.data.partners import Partners
from training.data.recipe import Corpus, Recipe

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made:
    """A real face, ``(H, W, 3)`` uint8, the fake made of it, and where: mask ``(H, W)`` float32 in [0, 1]."""

    real: np.ndarray
    fake: np.ndarray
    mask: np.ndarray
    donor: Record | None = None
    """Whose face the fake shows, when not that of the real one."""


class MadeFakes(Recipe):
    """Every real face once per epoch, followed by the fake made of it; fakes of the data set are not used.

    Both get the same augmentation, which must not tell them apart. A fake's method is unknown: it is none of the data
    set's.

    Raises:
        DataError: no real face, or one without landmarks.
    """

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        self.reals = [r for r in self.records if r.label == 0]
        who = type(self).__module__.rpartition(".")[2]
        if not self.reals:
            raise DataError(
                f"recipe '{who}' makes its fakes of real faces; the {len(self.records)} training faces are all fake"
            )
        check_landmarks(who, self.reals)

    def __len__(self) -> int:
        return len(self.reals)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """The real face ``index`` and a fake of it, both with the mask of what was manipulated."""
        record = self.reals[index]
        made = self.make(index, rng)
        if not made.mask.any():
            raise DataError(f"{record.key}: its landmarks enclose no part of the picture")
        masks = (np.zeros(made.mask.shape, np.uint8), np.rint(255 * made.mask).astype(np.uint8))
        (real, nowhere, _), (fake, mask, _) = alike(rng, self.corpus.transform.apply, (made.real, made.fake), masks)
        person = self.corpus.person(made.donor or record)
        return [
            self.sample(record, rng, real, mask=nowhere),
            self.sample(record, rng, fake, mask=mask, label=1, method=UNKNOWN, person=person),
        ]

    @abstractmethod
    def make(self, index: int, rng: np.random.Generator) -> Made:
        """A fake of ``self.reals[index]``."""

    def face(self, record: Record) -> tuple[np.ndarray, np.ndarray]:
        """Picture and landmarks of a record; see :meth:`points`."""
        return self.image(record), self.points(record)

    def points(self, record: Record) -> np.ndarray:
        """See :func:`points_of`."""
        return points_of(self, record)

    def partners(self) -> Partners:
        """The search for similar faces among ``self.reals``; reads all their landmarks.

        Raises:
            DataError: all are of one source.
        """
        sources = [(r.dataset, r.source) for r in self.reals]
        if len(set(sources)) < 2:
            raise DataError(f"swapping faces needs real faces of two sources; all are of {'/'.join(sources[0])}")
        return Partners(np.stack([self.points(r)[:POINTS] for r in self.reals]), sources)


def check_landmarks(who: str, faces: list[Record]) -> None:
    """Refuse faces whose manifests list no landmarks for the recipe ``who``.

    Raises:
        DataError: naming the first.
    """
    bare = [r for r in faces if r.landmarks is None]
    if bare:
        raise DataError(
            f"recipe '{who}' needs landmarks; manifests list none for {len(bare)} of {len(faces)} faces, "
            f"the first is {bare[0].key}; preprocessing/preprocess.py writes them"
        )


def points_of(recipe: Recipe, record: Record, purpose: str = "making fakes") -> np.ndarray:
    """The landmarks of a record, ``(68 or 81, 2)``.

    Raises:
        DataError: they are others, not finite, or span no area.
    """
    points = recipe.landmarks(record)
    if len(points) not in (68, 81):
        raise DataError(f"{record.key}: has {len(points)} landmarks; {purpose} needs 68 or 81")
    if not np.isfinite(points).all() or cv2.contourArea(cv2.convexHull(points)) < 1:
        raise DataError(f"{record.key}: its landmarks are no face: not finite, or all on one line")
    return points


def alike(rng: np.random.Generator, call: Callable[..., T], pictures: tuple, *more: tuple) -> list[T]:
    """``call(picture, rng, ...)`` for each picture with the same random draws."""
    seed = int(rng.integers(2**63))
    return [call(picture, np.random.default_rng(seed), *rest) for picture, *rest in zip(pictures, *more, strict=True)]


class PartnerFakes(MadeFakes):
    """Fakes that show the face of somebody else with similar landmarks.

    Args:
        corpus: real faces of several sources.
        nearest: among how many of the most similar faces of other sources the one blended in is drawn.
    """

    def __init__(self, corpus: Corpus, nearest: int = 100) -> None:
        super().__init__(corpus)
        self.nearest, self.search = nearest, self.partners()

    def donor(self, index: int, rng: np.random.Generator) -> Record:
        """Whose face goes into that of real face ``index``."""
        return self.reals[rng.choice(self.search.nearest(index, self.nearest))]

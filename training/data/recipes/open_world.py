"""Open-world attribution: some pictures of known methods with their truth, all others without any.

Source: Sun et al., contrastive pseudo learning for open-world deepfake attribution (ICCV 2023), section 3.1; facts of
the references' sampling in :mod:`training.data.open_world`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch

from preprocessing.manifest import Record
from training.core.classes import known_of
from training.core.errors import ConfigError, did_you_mean
from training.core.registry import RECIPES
from training.core.types import UNKNOWN, Sample
from training.data.open_world import Alternation, weights
from training.data.protocol import Protocol, told
from training.data.recipe import Corpus, Recipe
from training.data.transforms import Transform


@RECIPES.register("open_world")
class OpenWorld(Recipe):
    """Labelled pictures of the known classes, and unlabelled ones of known and novel classes alike.

    Of each known class, a share of the videos is labelled: always the same videos, whatever the seed. An unlabelled
    sample carries no truth at all: label, method and person are -1.

    Args:
        corpus: what :meth:`scope` leaves of the records; its classes are those of :meth:`classes`.
        known, novel, fakes_only, tagged, limit, clusters: see :class:`Protocol`, for training and testing alike.
        labelled: share of a known class's videos that keep their label; by default those that the data set's own
            lists label, and without such lists three quarters.
        balance: ``alternate`` unlabelled and labelled pictures, the labelled classes evenly (CPL), or draw with
            replacement so that half are labelled on average (``weighted``, CAL).
        view: give a second picture of each frame, augmented as usual while the first is only mirrored (CAL's strong
            and weak view).
    """

    def __init__(
        self,
        corpus: Corpus,
        known: list[str],
        novel: list[str] | None = None,
        fakes_only: bool = False,  # noqa: ARG002 - these are read by scope() and classes(), before the recipe is made
        tagged: bool = False,  # noqa: ARG002
        limit: dict[str, dict[str, int]] | None = None,  # noqa: ARG002
        clusters: int | None = None,  # noqa: ARG002
        labelled: float | None = None,
        balance: Literal["alternate", "weighted"] = "alternate",
        view: bool = False,
    ) -> None:
        super().__init__(corpus)
        if labelled is not None and not 0 < labelled <= 1:
            raise ConfigError(f"data.recipe.labelled is {labelled}; expected a share above 0, up to 1")
        _check_there([*known, *(novel or [])], {record.method for record in self.records})
        known = known_of(corpus.classes)
        self.labelled = told(self.records, known, labelled)
        _check_told(known, {r.method for r, is_told in zip(self.records, self.labelled, strict=True) if is_told})
        self.balance, self.view = balance, view
        if view:
            augment = corpus.transform.augment
            self._weak = Transform(corpus.transform.resolution, augment.mirrored() if augment else None)
        self._alternation: tuple[int, Alternation] | None = None

    @classmethod
    def scope(cls, records: list[Record], params: Mapping[str, Any]) -> list[Record]:
        """See :meth:`Protocol.scope`."""
        return Protocol.of(params).scope(records)

    @classmethod
    def classes(cls, records: list[Record], params: Mapping[str, Any]) -> list[str]:
        """The known classes, then the clusters."""
        return Protocol.of(params).classes(records)

    @classmethod
    def open_truth(cls, records: list[Record], params: Mapping[str, Any]) -> list[Record]:
        """Those of known classes: which novel class a picture is of is what nobody knows."""
        known = set(Protocol.of(params).known)
        return [record for record in records if record.method in known]

    @property
    def pictures_only(self) -> bool:
        """See :class:`Recipe`."""
        return not self.view

    def __len__(self) -> int:
        return len(self.records)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """The picture ``index``, with its truth if it is labelled."""
        record, labelled = self.records[index], bool(self.labelled[index])
        facts = {"labelled": labelled, "index": torch.tensor(index)}
        facts |= {} if labelled else {"label": UNKNOWN, "method": UNKNOWN, "person": UNKNOWN}
        if not self.view:
            return [self.sample(record, rng, **facts)]
        face = self.image(record)
        weak, strong = self._weak(face, rng), self.corpus.transform(face, rng)
        return [self.sample(record, rng, weak, view=strong, **facts)]

    def order(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """See ``balance``."""
        if self.balance == "weighted":
            share = weights(self.labelled)
            return rng.choice(len(self), len(self), p=share / share.sum())
        if self._alternation is None or self._alternation[0] > epoch:
            self._alternation = 0, self._fresh()
        start, alternation = self._alternation
        for _ in range(start, epoch):  # counts go on from epoch to epoch: a resumed run catches up
            list(alternation.epoch())
        self._alternation = epoch + 1, alternation
        return np.fromiter(alternation.epoch(), np.int64, len(self))

    def _fresh(self) -> Alternation:
        classes = [self.corpus.method(r) if known else -1 for r, known in zip(self.records, self.labelled, strict=True)]
        seed = self.corpus.seed % 2**32
        return Alternation(np.array(classes), np.random.RandomState(seed), random.Random(seed))


def _check_there(named: list[str], there: set[str]) -> None:
    for name in named:
        if name not in there:
            raise ConfigError(f"data.recipe: no training videos of '{name}'; {did_you_mean(name, there)}")


def _check_told(known: list[str], labelled: set[str]) -> None:
    for name in known:
        if name not in labelled:
            raise ConfigError(f"data.recipe.known: the data set's lists label no picture of '{name}'; name it in novel")

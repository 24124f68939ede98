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

from preprocessing.manifest import REAL, Record
from preprocessing.splits import by_hash
from training.core.classes import cluster_names
from training.core.errors import ConfigError, did_you_mean
from training.core.registry import RECIPES
from training.core.types import UNKNOWN, Sample
from training.data.open_world import LABELLED_SHARE, Alternation, weights
from training.data.recipe import Corpus, Recipe
from training.data.transforms import Transform


@RECIPES.register("open_world")
class OpenWorld(Recipe):
    """Labelled pictures of the known methods, and unlabelled ones of known and novel methods alike.

    Of each known method, a share of the videos is labelled: always the same videos, whatever the seed. An unlabelled
    sample carries no truth at all: label, method and person are -1.

    Args:
        corpus: records of known and novel methods; its classes are those of :meth:`classes`.
        known: the known methods in the order of their numbers; ``real`` may be one.
        novel: which other methods to take; by default all.
        labelled: share of a known method's videos that keep their label.
        balance: ``alternate`` unlabelled and labelled pictures, the labelled classes evenly (CPL), or draw with
            replacement so that half are labelled on average (``weighted``, CAL).
        clusters: outputs beside those of the known methods; by default one per novel method that is there.
        view: give a second picture of each frame, augmented as usual while the first is only mirrored (CAL's strong
            and weak view).
    """

    def __init__(
        self,
        corpus: Corpus,
        known: list[str],
        novel: list[str] | None = None,
        labelled: float = LABELLED_SHARE,
        balance: Literal["alternate", "weighted"] = "alternate",
        clusters: int | None = None,  # noqa: ARG002 - read by classes(), before the recipe is made
        view: bool = False,
    ) -> None:
        super().__init__(corpus)
        if not 0 < labelled <= 1:
            raise ConfigError(f"data.recipe.labelled is {labelled}; expected a share above 0, up to 1")
        self.records = [r for r in corpus.records if r.method in known or novel is None or r.method in novel]
        _check(known, novel or [], corpus.records)
        chosen = _labelled_videos(self.records, known, labelled)
        self.labelled = np.array([(r.dataset, r.video) in chosen for r in self.records])
        self.balance, self.view = balance, view
        augment = corpus.transform.augment
        self._weak = Transform(corpus.transform.resolution, augment.mirrored() if augment else None)
        self._alternation: tuple[int, Alternation] | None = None

    @classmethod
    def classes(cls, records: list[Record], params: Mapping[str, Any]) -> list[str]:
        """The known methods, then the clusters."""
        known = list(params.get("known", []))
        wanted = params.get("novel")
        there = {record.method for record in records} - set(known)
        novel = there if wanted is None else there & set(wanted)
        count = params.get("clusters")
        return known + cluster_names(len(novel) if count is None else count)

    @classmethod
    def open_truth(cls, records: list[Record], params: Mapping[str, Any]) -> list[Record]:
        """Those of known methods: which novel method a picture has is what nobody knows."""
        known = set(params.get("known", []))
        return [record for record in records if record.method in known]

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


def _check(known: list[str], novel: list[str], records: list[Record]) -> None:
    there = {record.method for record in records}
    for name in (*known, *novel):
        if name not in there:
            raise ConfigError(f"data.recipe: no training videos of method '{name}'; {did_you_mean(name, there)}")
    if both := set(known) & set(novel):
        raise ConfigError(f"data.recipe: {', '.join(sorted(both))} cannot be both known and novel")
    if len(known) - (REAL in known) < 1:
        raise ConfigError("data.recipe.known: name at least one method beside real")


def _labelled_videos(records: list[Record], known: list[str], share: float) -> set[tuple[str, str]]:
    """Dataset and path of the videos that keep their label; one of a method at least."""
    chosen = set()
    for method in known:
        videos = by_hash({f"{r.dataset}\n{r.video}" for r in records if r.method == method})
        kept = videos[: max(1, int(share * len(videos) + 0.5))]
        chosen |= {tuple(name.split("\n", 1)) for name in kept}
    return chosen

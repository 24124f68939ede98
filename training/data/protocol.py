"""Which pictures an open-world protocol is about, what class each is of, and whose truth is told.

Facts of the published protocols: OWDFA.md, section 2. Everything here is chosen by hashes of names, so it is the same
for every seed, machine and detector.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from preprocessing.manifest import REAL, Record
from preprocessing.splits import by_hash
from training.core.classes import class_of, cluster_names, divided, method_of
from training.core.config import At, instantiate
from training.core.errors import ConfigError, did_you_mean
from training.data.open_world import LABELLED_SHARE

Side = Literal["known", "novel", "real"]
LIMITED = ("known", "novel", "real")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The choices of ``data.recipe`` that training and testing share.

    A class is a manipulation method, or ``method@source`` for what has ``source`` as the first part of its video's
    path, once such a name is in use here: ``real@FaceForensics++`` is one class, and all other sources of ``real`` are
    classes of their own.
    """

    known: list[str]
    """Known classes in the order of their numbers."""
    novel: list[str] | None = None
    """The other classes that take part; by default all that there are."""
    fakes_only: bool = False
    """Leave real pictures out."""
    tagged: bool = False
    """Classes named nowhere take part too: known, if the data set's own lists tell the method of some, else novel."""
    limit: dict[str, dict[str, int]] | None = None
    """Per split, at most so many pictures of each ``known``, ``novel`` and ``real`` class, the same share of each of
    its sources."""
    clusters: int | None = None
    """Outputs beside those of the known classes; by default one per novel class that there is."""

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Protocol:
        """The protocol in the arguments of a recipe, of which others are passed over.

        Raises:
            ConfigError: one is of the wrong type, or contradicts another.
        """
        own = {f.name: params[f.name] for f in fields(cls) if f.name in params}
        return instantiate(cls, own, {}, At("data.recipe"))

    def __post_init__(self) -> None:
        if double := [name for name, times in Counter(self.known).items() if times > 1]:
            raise ConfigError(f"data.recipe.known: {', '.join(double)} is named twice")
        if both := set(self.known) & set(self.novel or ()):
            raise ConfigError(f"data.recipe: {', '.join(sorted(both))} cannot be both known and novel")
        reals = [name for name in self.known if method_of(name) == REAL]
        if len(reals) > 1:
            raise ConfigError(f"data.recipe.known: {' and '.join(reals)}; one class of real pictures at most")
        if len(self.known) == len(reals):
            raise ConfigError("data.recipe.known: name at least one method beside real")
        for split, limits in (self.limit or {}).items():
            for side, count in limits.items():
                if side not in LIMITED:
                    raise ConfigError(f"data.recipe.limit.{split}: unknown '{side}'; {did_you_mean(side, LIMITED)}")
                if count < 1:
                    raise ConfigError(f"data.recipe.limit.{split}.{side} is {count}; expected 1 or more")

    def scope(self, records: list[Record]) -> list[Record]:
        """Those of ``records`` of one split that take part, each with its class for a ``method``."""
        named = {*self.known, *(self.novel or ())}
        sources = divided(named)
        found = [
            record if record.method not in sources else replace(record, method=class_of(record.method, record.video))
            for record in records
            if not (self.fakes_only and record.label == 0)
        ]
        if self.novel is not None and not self.tagged:
            found = [record for record in found if record.method in named]
        return self._limited(found)

    def classes(self, records: list[Record]) -> list[str]:
        """The known classes, then the clusters; ``records`` are those that train, as :meth:`scope` leaves them."""
        known, there = list(self.known), {record.method for record in records}
        if self.tagged:
            named = {*known, *(self.novel or ())}
            known += sorted({record.method for record in records if record.labelled} - named)
        return known + cluster_names(len(there - set(known)) if self.clusters is None else self.clusters)

    def _limited(self, records: list[Record]) -> list[Record]:
        limits = (self.limit or {}).get(records[0].split) if records else None
        if not limits:
            return records
        groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for record in records:
            groups[record.method][record.video.partition("/")[0]].append(record.key)
        kept = set()
        for name, sources in groups.items():
            most = limits.get(self._side(name))
            for keys in sources.values():
                kept |= set(keys if most is None else by_hash(keys)[: most // len(sources)])
        return [record for record in records if record.key in kept]

    def _side(self, name: str) -> Side:
        return "real" if method_of(name) == REAL else "known" if name in self.known else "novel"


def told(records: list[Record], known: list[str], share: float | None) -> np.ndarray:
    """``(N,)`` whether each record's truth may be used in training.

    Only ``known`` classes' may. Where the data set's own lists say it (``Record.labelled``), they decide, unless a
    ``share`` is asked for. Everywhere else a share of each class's videos is told, always the same ones.
    """
    listed = [share is None and record.labelled is not None for record in records]
    open_ones = [record for record, by_list in zip(records, listed, strict=True) if not by_list]
    chosen = _videos(open_ones, known, LABELLED_SHARE if share is None else share)
    return np.array(
        [
            bool(record.labelled) and record.method in known if by_list else (record.dataset, record.video) in chosen
            for record, by_list in zip(records, listed, strict=True)
        ],
        dtype=bool,
    )


def _videos(records: list[Record], known: list[str], share: float) -> set[tuple[str, str]]:
    """Dataset and path of the videos that are told; one of a class at least."""
    names = defaultdict(set)
    for record in records:
        names[record.method].add(f"{record.dataset}\n{record.video}")
    chosen = set()
    for name in known:
        videos = by_hash(names[name])
        kept = videos[: max(1, int(share * len(videos) + 0.5))]
        chosen |= {tuple(video.split("\n", 1)) for video in kept}
    return chosen

"""The draws behind open-world attribution's protocols, as functions of their own generators (facts: OWDFA.md, 1 and 2).

The references draw from the global generators of Python and NumPy. Given generators in the state those had, the
functions here make the same choices; our own runs give them generators of their own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

LABELLED_SHARE = 0.75
Item = TypeVar("Item")


class Alternation:
    """CPL's sampling: unlabelled and labelled pictures in turn, the labelled classes evenly.

    Lists are shuffled once, a class's pictures then come in that order again and again, and counts go on from epoch to
    epoch. Of the labelled classes the one drawn least often is next. Among equals ``ties`` chooses; a class that turns
    out rarer than all before it counts twice there, as in the reference.

    Args:
        classes: ``(N,)`` class of each picture, -1 for unlabelled ones.
        shuffle: orders the lists: classes from 0 on, then the unlabelled pictures.
        ties: chooses among classes drawn equally often.
    """

    def __init__(self, classes: np.ndarray, shuffle: np.random.RandomState, ties: random.Random) -> None:
        kinds = [*range(int(classes.max(initial=-1)) + 1), -1]
        self._lists = [np.flatnonzero(classes == kind).tolist() for kind in kinds]
        for positions in self._lists:
            shuffle.shuffle(positions)
        self._counts, self._ties, self._total = [0] * len(kinds), ties, len(classes)

    def epoch(self) -> Iterator[int]:
        """The next epoch: as many positions as there are pictures, unlabelled ones first."""
        unlabelled = len(self._lists) - 1
        for turn in range(self._total):
            kind = self._rarest() if (turn % 2 and unlabelled) or not self._lists[unlabelled] else unlabelled
            positions = self._lists[kind]
            self._counts[kind] += 1  # before the yield: the last position may never be asked beyond
            yield positions[(self._counts[kind] - 1) % len(positions)]

    def _rarest(self) -> int:
        counts = self._counts[:-1]
        least, candidates = counts[0], []
        for kind, count in enumerate(counts):
            if count < least:
                least, candidates = count, [kind]
            if count == least:
                candidates.append(kind)
        return self._ties.choice(candidates)


def weights(labelled: np.ndarray) -> np.ndarray:
    """CAL's sampling weights ``(N,)``: drawn with replacement by them, half the pictures are labelled on average."""
    known, hidden = int(labelled.sum()), int((~labelled).sum())
    return np.where(labelled, 1.0, known / hidden if hidden else 1.0)


def cpl_tags(
    groups: Mapping[Item, Sequence[int]], known: set[Item], cut: Mapping[Item, int], rng: random.Random
) -> dict[int, int]:
    """CPL's tag of each picture: 1 labelled, 2 unlabelled, 0 left out.

    Args:
        groups: pictures of each (method, source), in the order in which the draws are made.
        known: groups of which three quarters are labelled.
        cut: how many pictures of a group are kept at most, instead of three quarters of a novel one.
        rng: ``random.Random(2000)`` for the published lists.
    """
    tags = {}
    for group, pictures in groups.items():
        kept = cut.get(group, int(LABELLED_SHARE * len(pictures) + 0.5))
        tags |= dict.fromkeys(pictures, 2)
        if group in known:
            tags |= dict.fromkeys(rng.sample(pictures, kept), 1)
        elif len(pictures) > kept:
            tags |= dict.fromkeys(rng.sample(pictures, len(pictures) - kept), 0)
    return tags


def cpl_cut(groups: Sequence[Sequence[int]], seed: int, share: float = 0.8) -> tuple[list[int], list[int]]:
    """CPL's training and test pictures: of each group, in this order, a drawn ``share`` trains.

    The generator starts anew for each group, so groups of one size lose the same places.
    """
    train: list[int] = []
    for pictures in groups:
        drawn = np.random.RandomState(seed).choice(len(pictures), round(share * len(pictures)), replace=False)
        train += [pictures[at] for at in drawn]
    chosen = set(train)
    return train, sorted(picture for pictures in groups for picture in pictures if picture not in chosen)


@dataclass(frozen=True)
class Pools(Generic[Item]):
    """What CAL trains and tests on; each entry a pair of class and item."""

    labelled: list[tuple[int, Item]]
    unlabelled: list[tuple[int, Item]]
    test: list[tuple[int, Item]]


REAL_CLASS, REALS_PER_FOLDER, KNOWN_BUDGET, NOVEL_BUDGET = 0, 10_000, 2_000, 1_500
"""CAL's budgets: pictures of each real folder, of a known and of a novel class; all those of a smaller class."""


def cal_pools(
    folders: Sequence[tuple[int, Sequence[Item]]], known: set[int], rng: np.random.RandomState
) -> Pools[Item]:
    """CAL's division of OWDFA-40.

    Args:
        folders: class and items of each folder, in the order in which the reference lists them.
        known: the known classes, 0 (real) among them.
        rng: ``np.random.RandomState(2025)`` for the published figures.
    """
    classes: dict[int, list[Item]] = {}
    for number, items in folders:
        picked = _pick(items, REALS_PER_FOLDER, rng) if number == REAL_CLASS else list(items)
        classes.setdefault(number, []).extend(picked)
    train: list[tuple[int, Item]] = []
    test: list[tuple[int, Item]] = []
    for number, items in classes.items():
        budget = len(items) if number == REAL_CLASS else KNOWN_BUDGET if number in known else NOVEL_BUDGET
        drawn = _pick(items, budget, rng) if len(items) > budget else items
        order = np.arange(len(drawn))
        rng.shuffle(order)
        kept = int(0.8 * len(drawn))
        train += [(number, drawn[at]) for at in order[:kept]]
        test += [(number, drawn[at]) for at in order[kept:]]
    from_known = [at for at, (number, _) in enumerate(train) if number in known]
    drawn = rng.choice(len(from_known), int(LABELLED_SHARE * len(from_known)), replace=False)
    chosen = {from_known[at] for at in drawn}
    labelled = [pair for at, pair in enumerate(train) if at in chosen]
    return Pools(labelled, [pair for at, pair in enumerate(train) if at not in chosen], test)


def _pick(items: Sequence[Item], count: int, rng: np.random.RandomState) -> list[Item]:
    return [items[at] for at in rng.choice(len(items), count, replace=False)]

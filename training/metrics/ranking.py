"""Detection metrics: how well scores separate fake (1) from real (0). NumPy in, float out.

All of them are functions of two counts per threshold, so one sort serves every metric and every bootstrap resample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

THRESHOLD = 0.5
"""A score above it says fake."""
SMALL = 2**30
"""Counts below it can be added in 32 bits."""
PIECE = 2**16
"""Thresholds whose counts fit into a processor's cache; with many rows that halves the time."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Fakes and reals that score at or above each threshold: weighted, cumulative, from no row to all rows."""

    fakes: np.ndarray
    """``(T + 1,)`` integers, 0 first."""
    reals: np.ndarray
    """``(T + 1,)`` integers, 0 first."""
    negated: np.ndarray
    """``(T,)`` thresholds times -1, rising."""

    def at(self, threshold: float) -> tuple[int, int]:
        """How many fakes and how many reals score above ``threshold``."""
        index = np.searchsorted(self.negated, -threshold)
        return int(self.fakes[index]), int(self.reals[index])

    @property
    def totals(self) -> tuple[int, int]:
        """How many fakes and how many reals there are."""
        return int(self.fakes[-1]), int(self.reals[-1])

    def pieces(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Both counts in pieces that fit into a processor's cache; the last of one is the first of the next."""
        for start in range(0, max(len(self.fakes) - 1, 1), PIECE):
            yield self.fakes[start : start + PIECE + 1], self.reals[start : start + PIECE + 1]


class Ranking:
    """Rows sorted once by falling score; equal scores share a threshold."""

    def __init__(self, label: np.ndarray, score: np.ndarray) -> None:
        self.order = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        self._fake = label[self.order] == 1
        starts = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1 if len(score) else []
        self._rows = np.concatenate([[0], starts]).astype(np.int64)
        """How many rows lie at or above each threshold."""
        self._negated = -ordered[self._rows[1:] - 1]

    def counts(self, weight: np.ndarray | None = None) -> Counts:
        """Counts per threshold; ``weight``: ``(N,)`` integers in *sorted* order, how often each row counts."""
        weight = np.ones(len(self.order), dtype=np.int32) if weight is None else weight
        # In place and in small integers: with a million rows, fetching fresh memory costs more than the arithmetic.
        kind = np.int32 if weight.sum(dtype=np.int64) < SMALL else np.int64
        fakes, reals = np.zeros((2, len(weight) + 1), kind)
        np.multiply(weight, self._fake, out=fakes[1:])
        np.subtract(weight, fakes[1:], out=reals[1:])
        for row in (fakes, reals):
            np.cumsum(row, out=row)
        if len(self._rows) <= len(weight):  # there are ties
            fakes, reals = fakes[self._rows], reals[self._rows]
        return Counts(fakes, reals, self._negated)


def auc(counts: Counts) -> float:
    """Area under the ROC curve: the chance that a fake scores above a real, ties counting half."""
    gained, above = np.diff(counts.reals), counts.fakes[1:] + counts.fakes[:-1]
    pairs, (fakes, reals) = np.einsum("i,i->", gained, above, dtype=np.int64), counts.totals
    return float(pairs / (2 * fakes * reals))


def ap(counts: Counts) -> float:
    """Average precision: precision at each threshold, weighted by the recall gained there, without interpolation."""
    total = 0.0
    for fakes, reals in counts.pieces():
        called = fakes[1:] + reals[1:]
        np.maximum(called, 1, out=called)  # rows of weight 0 at the top: nothing called, nothing gained
        total += np.dot(np.diff(fakes), fakes[1:] / called)
    return float(total / counts.fakes[-1])


def eer(counts: Counts) -> float:
    """Equal error rate: the FPR at the threshold where FNR and FPR differ least, not interpolated.

    As usual in the field, thresholds are the corners of the ROC curve (scikit-learn's default) and the strictest of
    equally good ones wins. Where only "all are real" and "all are fake" are to choose from, as for constant scores,
    that would be 0; it is 0.5 here.
    """
    corners = _corners_near(counts, _crossing(counts))
    fpr, tpr = counts.reals[corners] / counts.reals[-1], counts.fakes[corners] / counts.fakes[-1]
    best = np.argmin(np.abs((1 - tpr) - fpr))
    return float(fpr[best]) if corners[best] > 0 else 0.5


def _crossing(counts: Counts) -> int:
    """The first index where FNR <= FPR; their difference falls with the index."""
    fakes, reals = counts.totals
    low, high = 0, len(counts.fakes) - 1
    while high - low > 1:
        middle = (low + high) // 2
        missed, alarms = fakes - int(counts.fakes[middle]), int(counts.reals[middle])
        low, high = (middle, high) if missed * reals > alarms * fakes else (low, middle)
    return high


def _corners_near(counts: Counts, index: int) -> np.ndarray:
    """Indices of ROC points at which the curve turns, among them the last before ``index`` and the first from it on.

    The origin, the first point after it and the end count as corners. Looks no further than it must.
    """
    end, reach = len(counts.fakes), 32
    while True:
        start, stop = max(index - reach, 0), min(index + reach, end)
        points = np.stack([counts.fakes[start:stop], counts.reals[start:stop]], axis=1)
        moved = np.flatnonzero(np.append(True, np.diff(points, axis=0).any(axis=1)))
        turns = np.diff(points[moved], n=2, axis=0).any(axis=1)
        corner = np.concatenate([[start == 0], turns, [stop == end]])[: len(moved)]
        corner[:2] |= start == 0
        corners = start + moved[corner]
        if (corners < index).any() and (corners >= index).any():
            return corners
        reach *= 8


def acc(counts: Counts) -> float:
    """Share of rows on the right side of 0.5; a score of exactly 0.5 counts as real."""
    return acc_at(counts, THRESHOLD)


def acc_at(counts: Counts, threshold: float) -> float:
    """Share of rows on the right side of ``threshold``."""
    (caught, alarms), (fakes, reals) = counts.at(threshold), counts.totals
    return (caught + reals - alarms) / (fakes + reals)


def tpr_at(counts: Counts, threshold: float) -> float:
    """Share of fakes that score above ``threshold``."""
    return counts.at(threshold)[0] / counts.totals[0]


def fpr_at(counts: Counts, threshold: float) -> float:
    """Share of reals that score above ``threshold``."""
    return counts.at(threshold)[1] / counts.totals[1]


def tnr_at_tpr(counts: Counts, tpr: float) -> float:
    """Share of reals left in peace by the strictest threshold that catches at least ``tpr`` of the fakes."""
    fakes = counts.fakes[-1]
    needed = math.ceil(tpr * fakes)
    needed -= (needed - 1) / fakes >= tpr  # the product may be rounded up past an integer
    return float(1 - counts.reals[counts.fakes.searchsorted(counts.fakes.dtype.type(needed))] / counts.reals[-1])


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure of :class:`Counts`, with its direction."""

    name: str
    of: Callable[[Counts], float]
    higher_is_better: bool = True
    needs: tuple[int, ...] = (0, 1)
    """Labels of which it needs rows."""
    biased: bool = False
    """Whether it chooses the best for the rows at hand, which resampled rows make look better than it is."""

    def __call__(self, label: np.ndarray, score: np.ndarray) -> float:
        """The figure for ``(N,)`` labels (0 real, 1 fake) and scores; NaN where :meth:`undefined` says why."""
        return float("nan") if self.undefined(label) else self.of(Ranking(label, score).counts())

    def undefined(self, label: np.ndarray, rows: str = "frames") -> str | None:
        """Why rows with these labels have no such figure (``only real frames``), None if they have one."""
        if len(label) == 0:
            return f"no {rows}"
        missing = [value for value in self.needs if not (label == value).any()]
        return f"only {'real' if missing[0] else 'fake'} {rows}" if missing else None


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auc", auc),
        Metric("ap", ap),
        Metric("eer", eer, higher_is_better=False),
        Metric("acc", acc, needs=()),
        Metric("tnr@tpr95", lambda counts: tnr_at_tpr(counts, 0.95)),
        Metric("tnr@tpr99", lambda counts: tnr_at_tpr(counts, 0.99)),
    )
}

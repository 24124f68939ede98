"""Detection metrics: how well scores separate fake (1) from real (0). NumPy in, float out.

All of them are functions of two counts per threshold, so one sort serves every metric and every bootstrap resample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

THRESHOLD = 0.5
"""A score above it says fake."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Fakes and reals that score at or above each threshold: weighted, cumulative, from no row to all rows."""

    fakes: np.ndarray
    """``(T + 1,)`` integers, 0 first."""
    reals: np.ndarray
    """``(T + 1,)`` integers, 0 first."""
    positives: int
    """Index of the count of rows that score above 0.5."""


class Ranking:
    """Rows sorted once by falling score; equal scores share a threshold."""

    def __init__(self, label: np.ndarray, score: np.ndarray) -> None:
        self.order = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        self._fake = label[self.order] == 1
        last = np.append(ordered[1:] != ordered[:-1], True) if len(score) else np.zeros(0, dtype=bool)
        self._ends = np.flatnonzero(last)
        """Last row of each run of equal scores."""
        self._positives = int(np.count_nonzero(ordered[self._ends] > THRESHOLD))

    def counts(self, weight: np.ndarray | None = None) -> Counts:
        """Counts per threshold; ``weight``: ``(N,)`` integers in *sorted* order, how often each row counts."""
        weight = np.ones(len(self.order), dtype=np.int64) if weight is None else weight
        total = np.cumsum(weight, dtype=np.int64)[self._ends]
        fakes = np.cumsum(weight * self._fake, dtype=np.int64)[self._ends]
        return Counts(np.insert(fakes, 0, 0), np.insert(total - fakes, 0, 0), self._positives)


def auc(counts: Counts) -> float:
    """Area under the ROC curve: the chance that a fake scores above a real, ties counting half."""
    pairs = np.dot(np.diff(counts.reals), counts.fakes[1:] + counts.fakes[:-1])
    return float(pairs / (2 * counts.fakes[-1] * counts.reals[-1]))


def ap(counts: Counts) -> float:
    """Average precision: precision at each threshold, weighted by the recall gained there, without interpolation."""
    gained, found = np.diff(counts.fakes), counts.fakes[1:]
    return float(np.dot(gained, found / np.maximum(found + counts.reals[1:], 1)) / found[-1])


def eer(counts: Counts) -> float:
    """Equal error rate: the FPR at the threshold where FNR and FPR differ least, not interpolated.

    If the last threshold with FNR > FPR and the first without are equally good, the mean of both FPRs, so that constant
    scores give 0.5. The difference is compared in integers: rounding never decides.
    """
    fakes, reals = counts.fakes[-1], counts.reals[-1]

    def excess(index: int) -> int:
        """(FNR - FPR) x fakes x reals: falls with the index."""
        return int((fakes - counts.fakes[index]) * reals - counts.reals[index] * fakes)

    low, high = 0, len(counts.fakes) - 1  # excess(low) > 0 >= excess(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    before, after = abs(excess(low)), abs(excess(high))
    nearest = [i for i, gap in ((low, before), (high, after)) if gap == min(before, after)]
    return float(np.mean(counts.reals[nearest]) / reals)


def acc(counts: Counts) -> float:
    """Share of rows on the right side of 0.5; a score of exactly 0.5 counts as real."""
    right = counts.fakes[counts.positives] + counts.reals[-1] - counts.reals[counts.positives]
    return float(right / (counts.fakes[-1] + counts.reals[-1]))


def tnr_at_tpr(counts: Counts, tpr: float) -> float:
    """Share of reals left in peace by the strictest threshold that catches at least ``tpr`` of the fakes."""
    fakes = counts.fakes[-1]
    needed = math.ceil(tpr * fakes)
    needed -= (needed - 1) / fakes >= tpr  # the product may be rounded up past an integer
    return float(1 - counts.reals[np.searchsorted(counts.fakes, needed)] / counts.reals[-1])


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure of :class:`Counts`, with its direction."""

    name: str
    of: Callable[[Counts], float]
    higher_is_better: bool = True
    both_classes: bool = True
    """Whether it needs real and fake rows."""

    def __call__(self, label: np.ndarray, score: np.ndarray) -> float:
        """The figure for ``(N,)`` labels (0 real, 1 fake) and scores; NaN where :meth:`undefined` says why."""
        return float("nan") if self.undefined(label) else self.of(Ranking(label, score).counts())

    def undefined(self, label: np.ndarray, rows: str = "frames") -> str | None:
        """Why rows with these labels have no such figure (``only real frames``), None if they have one."""
        if len(label) == 0:
            return f"no {rows}"
        if self.both_classes and (label == label[0]).all():
            return f"only {'fake' if label[0] else 'real'} {rows}"
        return None


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auc", auc),
        Metric("ap", ap),
        Metric("eer", eer, higher_is_better=False),
        Metric("acc", acc, both_classes=False),
        Metric("tnr@tpr95", lambda counts: tnr_at_tpr(counts, 0.95)),
        Metric("tnr@tpr99", lambda counts: tnr_at_tpr(counts, 0.99)),
    )
}

"""How sure an AUC or a rate is, and the difference of two, without resampling: DeLong's method, for clusters too.

Each fake has a share of reals below it, each real a share of fakes above it; the AUC is the mean of either. How far
these shares lie from it, added up by cluster, is what each cluster does to the AUC (its influence), and the sum of
the squares is the AUC's variance. Influences of two figures are subtracted cluster by cluster, be they two detectors
on the same rows, two methods against the same reals or two groups of people: what both share drops out by itself.

With every row a cluster of its own this is DeLong, DeLong and Clarke-Pearson (Biometrics 1988), computed from ranks as
Sun and Xu (IEEE Signal Processing Letters 2014) do; with clusters of one class Obuchowski's (Biometrics 1997). Frames
of one video are not independent: taken for rows of their own they give intervals that are far too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A figure in [0, 1] and what each cluster does to it."""

    value: float
    influence: np.ndarray
    """``(C,)``, scaled so that the sum of squares is the variance."""

    @property
    def error(self) -> float:
        """Its standard error."""
        return float(np.linalg.norm(self.influence))

    def bounds(self, confidence: float = 0.95) -> tuple[float, float]:
        """The interval that is symmetric in the logit of the figure, and so within [0, 1]."""
        if self.error == 0 or not 0 < self.value < 1:
            return self.value, self.value
        reach = _quantile(confidence) * self.error / (self.value * (1 - self.value))
        return float(expit(logit(self.value) - reach)), float(expit(logit(self.value) + reach))


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure less another, with its interval and how likely one as large is by chance (two-sided)."""

    value: float
    low: float
    high: float
    p: float


def area(label: np.ndarray, score: np.ndarray, cluster: np.ndarray, clusters: int) -> Estimate:
    """The AUC of ``(N,)`` labels and scores whose rows belong to ``cluster``, numbered below ``clusters``.

    Both classes must be there, each in two clusters or more.
    """
    part = placements(label, score)
    found = [share(part[rows], cluster[rows], clusters) for rows in (label == 1, label == 0)]
    return Estimate(found[0].value, found[0].influence + found[1].influence)


def placements(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """``(N,)``: for a fake the share of reals below it, for a real the share of fakes above it; ties count half."""
    rank, part = rankdata(score), np.empty(len(score))
    for value, others in ((1, 0), (0, 1)):
        rows, count = label == value, np.count_nonzero(label == others)
        below = (rank[rows] - rankdata(score[rows])) / count
        part[rows] = below if value else 1 - below
    return part


def share(values: np.ndarray, cluster: np.ndarray, clusters: int) -> Estimate:
    """The mean of ``(N,)`` numbers in [0, 1] or truths whose rows belong to ``cluster``, in two clusters or more."""
    mean, units = float(np.mean(values)), len(np.unique(cluster))
    own = np.bincount(cluster, values - mean, clusters) / len(values)
    return Estimate(mean, own * np.sqrt(units / (units - 1)))


def difference(first: Estimate, second: Estimate, confidence: float = 0.95) -> Difference:
    """``first`` less ``second``, whose clusters have the same numbers."""
    value = first.value - second.value
    error = float(np.linalg.norm(first.influence - second.influence))
    reach = _quantile(confidence) * error
    if error == 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    return Difference(value, value - reach, value + reach, float(2 * norm.sf(abs(value) / error)))


def lacking(label: np.ndarray, cluster: np.ndarray, rows: str = "frames", clusters: str = "videos") -> str | None:
    """Why these rows have no AUC with error (``only real frames``, ``fewer than 2 real videos``), None if they do."""
    for value, name, other in ((0, "real", "fake"), (1, "fake", "real")):
        own = np.unique(cluster[label == value])
        if len(own) == 0:
            return f"only {other} {rows}" if len(label) else f"no {rows}"
        if len(own) == 1:
            return f"fewer than 2 {name} {clusters}"
    return None


def _quantile(confidence: float) -> float:
    return float(norm.isf((1 - confidence) / 2))

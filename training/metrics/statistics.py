"""How sure a figure is: bootstrap intervals that draw whole clusters, since frames of one video are not independent.

Percentile method (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13) on clusters drawn with
replacement within strata: those that hold one class only, by class, and those that hold several. The numbers of
clusters of each class thus stay as the test set has them, and no resample lacks a class.

What the intervals do not cover: another training seed, another data set. They are too narrow with few clusters (below
about twenty of a class) and where all resamples agree, as for an AUC of exactly 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from training.metrics.attribution import AttributionMetric, Table
from training.metrics.ranking import Metric, Ranking

FEW = 20
"""Clusters of a class below which an interval should be read as too narrow."""
TOGETHER = 64
"""Resamples that are added up as one product of matrices."""
MIXED = -1
"""Stratum of the clusters that hold rows of several classes."""


def intervals(
    label: np.ndarray,
    score: np.ndarray,
    cluster: np.ndarray,
    metrics: Sequence[Metric],
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Lower and upper bound of each metric, by its name; for what must hold see :func:`resample`."""
    values = resample(label, score, cluster, metrics, resamples, seed)
    return percentiles(values, [metric.name for metric in metrics], confidence)


def resample(
    label: np.ndarray,
    score: np.ndarray,
    cluster: np.ndarray,
    metrics: Sequence[Metric],
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """The metrics of each resample: ``(resamples, metrics)``. The same rows, clusters and seed give the same resamples.

    ``label``, ``score``, ``cluster``: ``(N,)``; clusters are numbered from 0 without gaps. The metrics must be defined
    on these rows and :func:`too_few` must have no objection. Sorts once; memory does not grow with ``resamples``.
    """
    ranking, groups = Ranking(label, score), strata(label, cluster)
    member, rng = cluster[ranking.order], np.random.default_rng(seed)
    values = np.empty((resamples, len(metrics)))
    for row in values:
        # Without checking bounds, which would take as long again.
        counts = ranking.counts(draw(groups, rng).take(member, mode="clip"))
        row[:] = [metric.of(counts) for metric in metrics]
    return values


def resample_sums(
    label: np.ndarray, cluster: np.ndarray, sums: np.ndarray, resamples: int = 1000, seed: int = 0
) -> np.ndarray:
    """As :func:`resample`, of what is added up: ``(C, K)`` sums per cluster give ``(resamples, K)`` totals."""
    groups, rng = strata(label, cluster), np.random.default_rng(seed)
    totals = np.empty((resamples, sums.shape[1]))
    for start in range(0, resamples, TOGETHER):
        part = totals[start : start + TOGETHER]
        part[:] = np.stack([draw(groups, rng) for _ in part]).astype(np.float64) @ sums
    return totals


def table_intervals(
    true: np.ndarray,
    predicted: np.ndarray,
    known: int,
    cluster: np.ndarray,
    metrics: Sequence[AttributionMetric],
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """As :func:`intervals`, of attribution: ``true`` classes and ``predicted`` outputs ``(N,)``, ``known`` first.

    Pictures that a resample holds twice agree with themselves, which flatters the best matching and mutual information.
    So the resampled values are moved until their mean is the figure itself.
    """
    groups, rng = strata(true, cluster), np.random.default_rng(seed)
    whole = Table.of(true, predicted, known)
    figures = np.array([metric.of(whole) for metric in metrics])
    values = np.empty((resamples, len(metrics)))
    for row in values:
        table = Table.of(true, predicted, known, draw(groups, rng)[cluster])
        row[:] = [metric.of(table) for metric in metrics]
    moved = np.clip(values + (figures - values.mean(0)), [metric.lowest for metric in metrics], 1.0)
    return percentiles(moved, [metric.name for metric in metrics], confidence)


def percentiles(values: np.ndarray, names: Sequence[str], confidence: float) -> dict[str, tuple[float, float]]:
    """Bounds of the middle ``confidence`` of each column of ``values``, by the column's name."""
    return {name: bounds(column, confidence) for name, column in zip(names, values.T, strict=True)}


def bounds(drawn: np.ndarray, confidence: float, biased: float | None = None) -> tuple[float, float]:
    """Lower and upper bound of a figure from its ``(R,)`` resampled values.

    Figures that add up distances or choose their best are larger in resamples than in the rows themselves. Of such a
    one ``biased`` is the value: the percentiles are moved by how many resamples lie below it (Efron and Tibshirani,
    section 14.3, without acceleration), and hold it.
    """
    tail = (1 - confidence) / 2
    levels = np.array([tail, 1 - tail])
    if biased is None:
        low, high = np.quantile(drawn, levels)
        return float(low), float(high)
    below = np.count_nonzero(drawn < biased) + np.count_nonzero(drawn == biased) / 2
    share = np.clip(below / len(drawn), 1 / (len(drawn) + 1), len(drawn) / (len(drawn) + 1))
    low, high = np.quantile(drawn, norm.cdf(2 * norm.ppf(share) + norm.ppf(levels)))
    return min(float(low), biased), max(float(high), biased)


def too_few(
    label: np.ndarray, cluster: np.ndarray, clusters: str = "videos", names: tuple[str, str] = ("real", "fake")
) -> str | None:
    """Why no interval can be given (``fewer than 2 real videos``), None if one can.

    A class needs a stratum of at least two clusters to vary between resamples. ``names``: of the labels 0 and 1.
    """
    groups = strata(label, cluster)
    for value, name in enumerate(names):
        sizes = [len(members) for kind, members in groups.items() if kind in (value, MIXED)]
        if (label == value).any() and max(sizes) < 2:
            return f"fewer than 2 {name} {clusters}"
    return None


def too_few_of_any(true: np.ndarray, cluster: np.ndarray, clusters: str = "videos") -> str | None:
    """Why rows of these classes allow no interval (``no class has 2 videos``), None if they do."""
    varies = any(len(members) > 1 for members in strata(true, cluster).values())
    return None if varies else f"no class has 2 {clusters}"


def class_clusters(label: np.ndarray, cluster: np.ndarray) -> tuple[int, int]:
    """How many clusters hold real rows, and how many fake ones."""
    return len(np.unique(cluster[label == 0])), len(np.unique(cluster[label == 1]))


def strata(label: np.ndarray, cluster: np.ndarray) -> dict[int, np.ndarray]:
    """The clusters whose rows all have one label, by label, and those with several (key ``MIXED``, the last)."""
    low = np.full(cluster.max(initial=-1) + 1, np.iinfo(np.int64).max)
    high = np.full(len(low), -1)
    np.minimum.at(low, cluster, label)
    np.maximum.at(high, cluster, label)
    kind = np.where(low == high, low, MIXED)
    keys = sorted(np.unique(kind).tolist(), key=lambda key: (key == MIXED, key))
    return {key: np.flatnonzero(kind == key) for key in keys}


def draw(groups: dict[int, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """How often each cluster is in one resample: each stratum drawn with replacement to its own size."""
    times = np.zeros(sum(map(len, groups.values())), dtype=np.int32)
    for members in groups.values():
        picks = rng.integers(len(members), size=len(members))
        times[members] = np.bincount(picks, minlength=len(members))
    return times

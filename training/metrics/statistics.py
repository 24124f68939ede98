"""How sure a figure is: bootstrap intervals that draw whole clusters, since frames of one video are not independent.

Percentile method (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13) on clusters drawn with
replacement within strata: those that hold only reals, only fakes, or both. The numbers of real and fake clusters thus
stay as the test set has them, and no resample lacks a class.

What the intervals do not cover: another training seed, another data set. They are too narrow with few clusters (below
about twenty of a class) and where all resamples agree, as for an AUC of exactly 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.metrics.ranking import Metric, Ranking

FEW = 20
"""Clusters of a class below which an interval should be read as too narrow."""


def intervals(
    label: np.ndarray,
    score: np.ndarray,
    cluster: np.ndarray,
    metrics: Sequence[Metric],
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Lower and upper bound of each metric, by its name.

    ``label``, ``score``, ``cluster``: ``(N,)``; clusters are numbered from 0 without gaps. The metrics must be defined
    on these rows and :func:`too_few` must have no objection. Sorts once; memory does not grow with ``resamples``.
    """
    ranking, groups = Ranking(label, score), strata(label, cluster)
    member, rng = cluster[ranking.order], np.random.default_rng(seed)
    values = np.empty((resamples, len(metrics)))
    for row in values:
        counts = ranking.counts(draw(groups, rng)[member])
        row[:] = [metric.of(counts) for metric in metrics]
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return {metric.name: (float(a), float(b)) for metric, a, b in zip(metrics, low, high, strict=True)}


def too_few(label: np.ndarray, cluster: np.ndarray, clusters: str = "videos") -> str | None:
    """Why no interval can be given (``fewer than 2 real videos``), None if one can.

    A class needs a stratum of at least two clusters to vary between resamples.
    """
    groups = strata(label, cluster)
    for value, name in ((0, "real"), (1, "fake")):
        sizes = [len(members) for kind, members in groups.items() if kind in (value, 2)]
        if (label == value).any() and max(sizes) < 2:
            return f"fewer than 2 {name} {clusters}"
    return None


def class_clusters(label: np.ndarray, cluster: np.ndarray) -> tuple[int, int]:
    """How many clusters hold real rows, and how many fake ones."""
    return len(np.unique(cluster[label == 0])), len(np.unique(cluster[label == 1]))


def strata(label: np.ndarray, cluster: np.ndarray) -> dict[int, np.ndarray]:
    """The clusters that hold only reals (key 0), only fakes (1) or both (2); empty strata are left out."""
    size = np.bincount(cluster)
    fakes = np.bincount(cluster, label)
    kind = np.where(fakes == 0, 0, np.where(fakes == size, 1, 2))
    return {key: np.flatnonzero(kind == key) for key in (0, 1, 2) if (kind == key).any()}


def draw(groups: dict[int, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """How often each cluster is in one resample: each stratum drawn with replacement to its own size."""
    times = np.zeros(sum(map(len, groups.values())), dtype=np.int64)
    for members in groups.values():
        picks = rng.integers(len(members), size=len(members))
        times[members] = np.bincount(picks, minlength=len(members))
    return times

"""How far the scores of one data set lie from those of another."""

from __future__ import annotations

import numpy as np
from scipy.stats import wasserstein_distance

from training.metrics.statistics import draw, strata


def wasserstein(first: np.ndarray, second: np.ndarray) -> float:
    """The 1-Wasserstein distance of two samples of scores: how far a score moves on average (0 to 1)."""
    return float(wasserstein_distance(first, second))


def resampled_wasserstein(
    first: np.ndarray,
    second: np.ndarray,
    cluster: tuple[np.ndarray, np.ndarray],
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """The distance under ``(resamples,)`` draws of the clusters of both samples, each numbered from 0 without gaps.

    Both samples are drawn anew, so the distances are larger than the one of the samples themselves.
    """
    side = np.repeat([0, 1], [len(first), len(second)])
    score = np.concatenate([first, second])
    order = np.argsort(score)
    widths = np.diff(score[order])
    member = np.concatenate([cluster[0], cluster[1] + cluster[0].max() + 1])
    groups, rng = strata(side, member), np.random.default_rng(seed)
    member, side = member[order], side[order]
    found = np.empty(resamples)
    for number in range(resamples):
        weight = draw(groups, rng)[member]
        seconds = np.cumsum(weight * side)
        firsts = np.cumsum(weight) - seconds
        found[number] = np.dot(np.abs(firsts / firsts[-1] - seconds / seconds[-1])[:-1], widths)
    return found

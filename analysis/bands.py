"""Curves over video scores with their bootstrap bands: what ROC, PR and DET figures share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes

from analysis import style
from training.engine.results import Scores

Curve = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Labels and scores -> the curve's height at each place of a grid."""


def of_both_classes(runs: Mapping[str, Scores]) -> dict[str, Scores]:
    """The video scores (mean over frames) of runs, by display name; runs without both classes are left out."""
    videos = {name: scores.by_video() for name, scores in runs.items()}
    return {name: v for name, v in videos.items() if 0 < v.label.sum() < len(v)}


def draw_bands(
    axes: Axes,
    videos: Mapping[str, Scores],
    curve: Curve,
    grid: np.ndarray,
    shown: Callable[[np.ndarray], np.ndarray],
    figure: Callable[[np.ndarray, np.ndarray], float],
    resamples: int,
    seed: int,
) -> tuple[list[str], np.ndarray]:
    """Draw a curve with its band per run, named with its ``figure``.

    ``shown`` says where a number stands on the axes. Returned are the runs' names, one per line, and the lines behind
    the figure: place on the grid, height, lower and upper bound ``(lines, 4)``.
    """
    names, lines = [], []
    for number, (name, scores) in enumerate(videos.items()):
        height, look = curve(scores.label, scores.fake_prob), style.line(number)
        low, high = band(scores, curve, len(grid), resamples, seed)
        axes.fill_between(shown(grid), shown(low), shown(high), color=look["color"], alpha=0.15, linewidth=0)
        label = f"{name} ({figure(scores.label, scores.fake_prob):.3f})"
        axes.plot(shown(grid), shown(height), label=label, **look)
        names += [name] * len(grid)
        lines.append(np.column_stack([grid, height, low, high]))
    return names, np.concatenate(lines)


def band(videos: Scores, curve: Curve, places: int, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of ``curve`` at each place of its grid: the middle 95 % of curves of resampled videos.

    They are drawn with replacement within real and within fake ones; NaN where a class has fewer than two.
    """
    classes = [np.flatnonzero(videos.label == value) for value in (0, 1)]
    if min(map(len, classes)) < 2:
        return np.full(places, np.nan), np.full(places, np.nan)
    rng, curves = np.random.default_rng(seed), np.empty((resamples, places))
    for height in curves:
        rows = np.concatenate([rng.choice(members, len(members)) for members in classes])
        height[:] = curve(videos.label[rows], videos.fake_prob[rows])
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    return low, high

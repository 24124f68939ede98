"""ROC curves of one or more runs on one test set, each with its bootstrap band."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score, roc_curve

from analysis import style
from analysis.save_figure import save_figure
from training.engine.results import Scores

FPR = np.linspace(0, 1, 201)
"""Where curves and bands are drawn."""


def roc(runs: Mapping[str, Scores], title: str, path: Path, resamples: int = 500, seed: int = 0) -> Path | None:
    """Draw the ROC curves of video scores (mean over frames) to ``path`` (PNG) and write them beside it (CSV).

    ``runs``: score tables by display name. The band holds, at each FPR, the middle 95 % of curves of resampled videos,
    drawn with replacement within real and within fake ones; runs with a class of fewer than two videos get none. Runs
    without both classes are left out; None if no run is left.
    """
    videos = {name: scores.by_video() for name, scores in runs.items()}
    videos = {name: v for name, v in videos.items() if 0 < v.label.sum() < len(v)}
    if not videos:
        return None
    columns: dict[str, list] = {"run": [], "fpr": [], "tpr": [], "low": [], "high": []}
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.2, 4.0))
        axes = figure.add_subplot(
            title=title, xlabel="false positive rate", ylabel="true positive rate", aspect="equal"
        )
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        for number, (name, scores) in enumerate(videos.items()):
            tpr, look = _curve(scores.label, scores.fake_prob), style.line(number)
            low, high = _band(scores, resamples, seed)
            axes.fill_between(FPR, low, high, color=look["color"], alpha=0.15, linewidth=0)
            axes.plot(FPR, tpr, label=f"{name} ({roc_auc_score(scores.label, scores.fake_prob):.3f})", **look)
            for key, values in zip(columns, ([name] * len(FPR), FPR, tpr, low, high), strict=True):
                columns[key].extend(values)
        axes.legend(loc="lower right", title="video AUC")
        return save_figure(figure, path, columns)


def _curve(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """TPR at each of FPR, ``(201,)``; starts at 0."""
    fpr, tpr, _ = roc_curve(label, score, drop_intermediate=False)
    return np.concatenate([[0.0], np.interp(FPR[1:], fpr, tpr)])


def _band(videos: Scores, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper TPR at each of FPR; NaN where a class has fewer than two videos."""
    classes = [np.flatnonzero(videos.label == value) for value in (0, 1)]
    if min(map(len, classes)) < 2:
        return np.full(len(FPR), np.nan), np.full(len(FPR), np.nan)
    rng, curves = np.random.default_rng(seed), np.empty((resamples, len(FPR)))
    for curve in curves:
        rows = np.concatenate([rng.choice(members, len(members)) for members in classes])
        curve[:] = _curve(videos.label[rows], videos.fake_prob[rows])
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    return low, high

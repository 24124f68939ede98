"""ROC curves of one or more runs on one test set, each with its bootstrap band."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score, roc_curve

from analysis import style
from analysis.bands import draw_bands, of_both_classes
from analysis.command import per_test_set
from analysis.save_figure import save_figure
from training.core.cli import run_entry
from training.engine.results import Scores

FPR = np.linspace(0, 1, 201)
"""Where curves and bands are drawn."""


def roc(runs: Mapping[str, Scores], title: str, path: Path, resamples: int = 500, seed: int = 0) -> Path | None:
    """Draw the ROC curves of video scores (mean over frames) to ``path`` (PNG) and write them beside it (CSV).

    ``runs``: score tables by display name. For the bands see :func:`analysis.bands.band`. Runs without both classes are
    left out; None if no run is left.
    """
    videos = of_both_classes(runs)
    if not videos:
        return None
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.2, 4.0))
        axes = figure.add_subplot(
            title=title, xlabel="false positive rate", ylabel="true positive rate", aspect="equal"
        )
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        names, lines = draw_bands(axes, videos, _tpr, FPR, np.asarray, roc_auc_score, resamples, seed)
        axes.legend(loc="lower right", title="video AUC")
        columns = dict(zip(("fpr", "tpr", "low", "high"), lines.T, strict=True))
        return save_figure(figure, path, {"run": names, **columns})


def _tpr(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """TPR at each of FPR, ``(201,)``; starts at 0."""
    fpr, tpr, _ = roc_curve(label, score, drop_intermediate=False)
    return np.concatenate([[0.0], np.interp(FPR[1:], fpr, tpr)])


main = per_test_set(roc)

if __name__ == "__main__":
    run_entry(main)

"""Precision against recall of one or more runs on one test set, each with its bootstrap band."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve

from analysis import style
from analysis.bands import draw_bands, of_both_classes
from analysis.command import per_test_set
from analysis.save_figure import save_figure
from training.core.cli import run_entry
from training.engine.results import Scores

RECALL = np.linspace(0, 1, 201)[1:]
"""Where curves and bands are drawn; where nothing is found there is no precision."""


def precision_recall(
    runs: Mapping[str, Scores], title: str, path: Path, resamples: int = 500, seed: int = 0
) -> Path | None:
    """Draw the precision of finding fake videos (mean over frames) to ``path`` (PNG), with a CSV beside it.

    At each recall stands the precision of the highest threshold that reaches it, so that the area is the average
    precision. The gray lines are the shares of fake videos, the precision of calling everything fake: curves of test
    sets with other shares cannot be compared. Bands, and which runs are left out, as for ROC curves.
    """
    videos = of_both_classes(runs)
    if not videos:
        return None
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.2, 4.0))
        limits = (-0.02, 1.02)
        axes = figure.add_subplot(title=title, xlabel="recall", ylabel="precision", aspect="equal")
        axes.set(xlim=limits, ylim=limits)
        for share in {float(v.label.mean()) for v in videos.values()}:
            axes.axhline(share, color="#999999", linewidth=0.8)
        names, lines = draw_bands(
            axes, videos, _precision, RECALL, np.asarray, average_precision_score, resamples, seed
        )
        axes.legend(loc="lower left", title="video AP")
        columns = dict(zip(("recall", "precision", "low", "high"), lines.T, strict=True))
        return save_figure(figure, path, {"run": names, **columns})


def _precision(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Precision at each of RECALL, ``(200,)``."""
    precision, recall, _ = precision_recall_curve(label, score)
    precision, recall = precision[-2::-1], recall[-2::-1]  # from the highest threshold down, without recall 0
    return precision[np.searchsorted(recall, RECALL - 1e-12)]


main = per_test_set(precision_recall)

if __name__ == "__main__":
    run_entry(main)

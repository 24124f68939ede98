"""Detection error tradeoff of one or more runs on one test set, each with its bootstrap band."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_curve

from analysis import style
from analysis.bands import draw_bands, of_both_classes
from analysis.command import per_test_set
from analysis.save_figure import save_figure
from training.core.cli import run_entry
from training.engine.results import Scores
from training.metrics.ranking import METRICS

EDGE = 0.002
"""The axes end at this rate and at 1 - EDGE; rarer errors stand on the edge."""
FPR = ndtr(np.linspace(ndtri(EDGE), ndtri(1 - EDGE), 201))
"""Where curves and bands are drawn."""
TICKS = (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)


def det(runs: Mapping[str, Scores], title: str, path: Path, resamples: int = 500, seed: int = 0) -> Path | None:
    """Draw how many fake videos are missed at each false positive rate, to ``path`` (PNG), with a CSV beside it.

    Both axes are stretched by the normal quantile function, so that normally distributed scores give straight lines
    (Martin et al., The DET curve in assessment of detection task performance, Eurospeech 1997). Curves meet the gray
    diagonal at their EER. Bands, and which runs are left out, as for ROC curves.
    """
    videos = of_both_classes(runs)
    if not videos:
        return None
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.2, 4.0))
        axes = figure.add_subplot(title=title, xlabel="false positive rate", ylabel="missed fakes", aspect="equal")
        ends = _stretched(np.array([EDGE, 1 - EDGE]))
        axes.plot(ends, ends, color="#999999", linewidth=0.8)
        names, lines = draw_bands(axes, videos, _missed, FPR, _stretched, _eer, resamples, seed)
        axes.set(xlim=ends, ylim=ends)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(ndtri(TICKS), [f"{tick:g}" for tick in TICKS])
        axes.legend(loc="upper right", title="video EER")
        columns = dict(zip(("fpr", "fnr", "low", "high"), lines.T, strict=True))
        return save_figure(figure, path, {"run": names, **columns})


def _missed(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Share of fakes below the threshold at each of FPR, ``(201,)``."""
    fpr, tpr, _ = roc_curve(label, score, drop_intermediate=False)
    return 1 - np.interp(FPR, fpr, tpr)


def _stretched(rate: np.ndarray) -> np.ndarray:
    return ndtri(np.clip(rate, EDGE, 1 - EDGE))


def _eer(label: np.ndarray, score: np.ndarray) -> float:
    return METRICS["eer"](label, score)


main = per_test_set(det)

if __name__ == "__main__":
    run_entry(main)

"""Whether probabilities mean what they say: of frames with a score of 0.8, four in five should be fake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.command import per_test_set
from analysis.save_figure import save_figure
from training.core.cli import run_entry
from training.engine.results import Scores, codes
from training.metrics import calibration
from training.metrics.calibration import edges_of
from training.metrics.statistics import resample_sums

FEWEST = 10
"""Frames in a bin below which its share says nothing."""


def reliability(runs: Mapping[str, Scores], title: str, path: Path, resamples: int = 300, seed: int = 0) -> Path | None:
    """Draw the share of fakes against the mean probability, by bin, of frame scores, to ``path`` (PNG), with a CSV.

    Bars hold the middle 95 % of resampled videos; bins of fewer than ten frames are not drawn, but in the CSV. Runs
    without both classes are left out; None if no run is left.
    """
    runs = {name: scores for name, scores in runs.items() if 0 < scores.label.sum() < len(scores)}
    if not runs:
        return None
    columns: dict[str, list] = {name: [] for name in ("run", "rows", "probability", "fakes", "low", "high")}
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.2, 4.2), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel="mean probability of fake", ylabel="share of fakes")
        axes.plot([0, 1], [0, 1], color="#666666", linewidth=0.8, linestyle=":")
        for number, (name, scores) in enumerate(runs.items()):
            found = curve(scores, resamples, seed)
            rows, prob, fakes, low, high = found[:, found[0] >= FEWEST]
            reach = np.clip([fakes - low, high - fakes], 0, None)
            axes.errorbar(prob, fakes, yerr=reach, marker=".", capsize=2, label=name, **style.line(number))
            for key, values in zip(columns, ([name] * found.shape[1], *found), strict=True):
                columns[key].extend(values)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        figure.legend(loc="outside lower center", ncols=2)
        return save_figure(figure, path, columns)


def curve(scores: Scores, resamples: int, seed: int) -> np.ndarray:
    """``(5, bins with rows)``: rows, mean probability, share of fakes and its bounds, of bins of equal width."""
    label, prob, (cluster, clusters) = scores.label, scores.fake_prob, codes(scores.dataset, scores.video)
    edges = edges_of(prob, "width")
    found, used = calibration.reliability(label, prob, edges), np.unique(np.searchsorted(edges, prob))
    cell = cluster * (len(edges) + 1) + np.searchsorted(edges, prob)
    of_clusters = [np.bincount(cell, w, clusters * (len(edges) + 1)).reshape(clusters, -1) for w in (label, None)]
    sums = np.concatenate([part[:, used] for part in of_clusters], axis=1)
    fakes, rows = np.split(resample_sums(label, cluster, sums, resamples, seed), 2, axis=1)
    # A resample may hold none of the videos of a bin.
    shares = np.divide(fakes, rows, out=np.full_like(fakes, np.nan), where=rows > 0)
    low, high = np.nanquantile(shares, [0.025, 0.975], axis=0)
    return np.stack([found.rows[used], found.prob[used], found.fake[used], low, high])


main = per_test_set(reliability)

if __name__ == "__main__":
    run_entry(main)

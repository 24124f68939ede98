"""How many frames of a video are needed: the video AUC as a function of how many are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis import style
from analysis.bands import of_both_classes
from analysis.command import per_test_set
from analysis.save_figure import save_figure
from training.core.cli import run_entry
from training.engine.results import Scores, codes
from training.metrics.ranking import METRICS
from training.metrics.statistics import intervals


def frame_count(runs: Mapping[str, Scores], title: str, path: Path, resamples: int = 300, seed: int = 0) -> Path | None:
    """Draw the video AUC over the number of frames per video to ``path`` (PNG), with a CSV beside it.

    Frames are those scored, evenly spaced over each video as in testing; a video with fewer keeps all. Bands: the
    middle 95 % over resampled videos. Runs without both classes are left out; None if no run is left.
    """
    runs = {name: scores for name, scores in runs.items() if of_both_classes({name: scores})}
    if not runs:
        return None
    columns: dict[str, list] = {name: [] for name in ("run", "frames", "auc", "low", "high")}
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.6, 3.6), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel="frames per video", ylabel="video AUC", xscale="log")
        for number, (name, scores) in enumerate(runs.items()):
            counts = frame_counts(scores)
            found = np.array([_auc(evenly_spaced(scores, count), resamples, seed) for count in counts])
            look = style.line(number)
            axes.fill_between(counts, *found[:, 1:].T, color=look["color"], alpha=0.15, linewidth=0)
            axes.plot(counts, found[:, 0], marker=".", label=name, **look)
            for key, values in zip(columns, ([name] * len(counts), counts, *found.T), strict=True):
                columns[key].extend(values)
        ticks = sorted(set(columns["frames"]))
        axes.set_xticks(ticks, map(str, ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        figure.legend(loc="outside lower center", ncols=2)
        return save_figure(figure, path, columns)


def frame_counts(scores: Scores) -> list[int]:
    """Powers of two below the most frames that a video has, and this number."""
    video, number = codes(scores.dataset, scores.video)
    most = int(np.bincount(video, minlength=number).max())
    return [*(2**power for power in range(most.bit_length()) if 2**power < most), most]


def evenly_spaced(scores: Scores, count: int) -> Scores:
    """``count`` frames of each video as testing chooses them: from its first to its last; all where it has no more."""
    video, number = codes(scores.dataset, scores.video)
    order = np.lexsort((scores.frame, video))
    length = np.bincount(video, minlength=number)
    start = np.cumsum(length) - length
    kept = [at + (np.arange(n) if n <= count else _places(n, count)) for at, n in zip(start, length, strict=True)]
    return scores.select(order[np.concatenate(kept)])


def _places(length: int, count: int) -> np.ndarray:
    return np.arange(count) * (length - 1) // (count - 1) if count > 1 else np.array([length // 2])


def _auc(scores: Scores, resamples: int, seed: int) -> tuple[float, float, float]:
    """The video AUC with its bounds, NaN where a class has fewer than two videos."""
    videos, metric = scores.by_video(), METRICS["auc"]
    value = metric(videos.label, videos.fake_prob)
    if min(np.bincount(videos.label, minlength=2)) < 2:
        return value, np.nan, np.nan
    bounds = intervals(videos.label, videos.fake_prob, np.arange(len(videos)), [metric], resamples, seed=seed)
    return value, *bounds["auc"]


main = per_test_set(frame_count)

if __name__ == "__main__":
    run_entry(main)

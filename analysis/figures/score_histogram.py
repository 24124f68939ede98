"""How one run's video scores on one test set are distributed, real against fake."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.command import per_run_and_set
from analysis.save_figure import save_figure
from training.core.cli import run_entry
from training.engine.results import Scores

EDGES = np.linspace(0, 1, 26)


def score_histogram(scores: Scores, title: str, path: Path) -> Path:
    """Draw the shares of real and of fake videos per score (mean over frames) to ``path`` (PNG), with a CSV beside it.

    Each class sums to 1, so that unequal class sizes do not hide the smaller one.
    """
    videos = scores.by_video()
    shares = {
        name: np.histogram(videos.fake_prob[videos.label == value], EDGES)[0] / max((videos.label == value).sum(), 1)
        for value, name in ((0, "real"), (1, "fake"))
    }
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.2, 2.6))
        axes = figure.add_subplot(title=title, xlabel="mean probability of fake", ylabel="share of videos", xlim=(0, 1))
        looks = {"real": (style.REAL_COLOR, None), "fake": (style.FAKE_COLOR, "////")}
        for value, (name, (color, hatch)) in enumerate(looks.items()):
            label = f"{name} ({(videos.label == value).sum()})"
            axes.stairs(shares[name], EDGES, fill=True, facecolor=color, alpha=0.25, hatch=hatch, edgecolor=color)
            axes.stairs(shares[name], EDGES, color=color, label=label)
        axes.axvline(0.5, color="#666666", linewidth=0.8, linestyle=":")
        axes.legend()
        return save_figure(figure, path, {"from": EDGES[:-1], "to": EDGES[1:], **shares})


main = per_run_and_set(score_histogram)

if __name__ == "__main__":
    run_entry(main)

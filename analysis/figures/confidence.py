"""How sure a method is of its outputs, on pictures of known methods and of novel ones."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.special import softmax

from analysis import style
from analysis.attribution import is_known
from analysis.save_figure import save_figure
from training.engine.results import Scores

EDGES = np.linspace(0, 1, 26)


def confidence(scores: Scores, title: str, path: Path) -> Path:
    """Draw the shares of known and of novel pictures per confidence to ``path`` (PNG), with a CSV beside it.

    Confidence is the probability of the most probable output. Each kind sums to 1, as far as there is any.
    """
    sure, known = softmax(scores.logits, axis=1).max(1), is_known(scores)
    parts = {"known": sure[known], "novel": sure[~known]}
    shares = {name: np.histogram(part, EDGES)[0] / max(len(part), 1) for name, part in parts.items()}
    looks = {"known": (style.KNOWN_COLOR, None), "novel": (style.NOVEL_COLOR, "////")}
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.2, 2.6))
        axes = figure.add_subplot(
            title=title, xlabel="probability of the most probable output", ylabel="share of pictures", xlim=(0, 1)
        )
        for name, (color, hatch) in looks.items():
            part = parts[name]
            label = f"{name} ({len(part)}), mean {part.mean():.2f}" if len(part) else f"{name} (none)"
            axes.stairs(shares[name], EDGES, fill=True, facecolor=color, alpha=0.25, hatch=hatch, edgecolor=color)
            axes.stairs(shares[name], EDGES, color=color, label=label)
        axes.legend(loc="upper left")
        return save_figure(figure, path, {"from": EDGES[:-1], "to": EDGES[1:], **shares})

"""How many test pictures each output of an attribution method was given."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.attribution import is_known
from analysis.save_figure import save_figure
from training.core.classes import known_of
from training.engine.results import Scores

FEWEST_WIDTH, BAR = 4.2, 0.13
"""Inches: of the figure at least, and of one output."""
MOST_BARS = 80


def prototype_usage(scores: Scores, title: str, path: Path, merged: int = 0) -> Path:
    """Draw the pictures per output to ``path`` (PNG), with a CSV beside it.

    Known outputs stand first in their order, then clusters from the most used one down, without unused ones; each bar
    is parted into pictures of known and of novel methods. ``merged``: how many prototypes training merged into these.
    Of more than MOST_BARS outputs the least used are in the CSV only.
    """
    own, known = len(known_of(scores.classes)), is_known(scores)
    output = scores.logits.argmax(1)
    counts = [np.bincount(output[rows], minlength=len(scores.classes)) for rows in (known, ~known)]
    total = counts[0] + counts[1]
    order = [*range(own), *(own + np.argsort(-total[own:], kind="stable"))]
    of_known, of_novel = (part[order] for part in counts)
    columns = {
        "output": [scores.classes[at] for at in order],
        "known": [int(at < own) for at in order],
        "pictures_of_known": of_known,
        "pictures_of_novel": of_novel,
    }
    shown = slice(0, min(MOST_BARS, own + np.count_nonzero(total[own:])))
    names = [name.removeprefix("cluster ") for name in columns["output"][shown]]
    places = np.arange(len(names))
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(max(FEWEST_WIDTH, BAR * len(names) + 1.2), 2.8), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel=_summary(total, own, merged), ylabel="pictures")
        axes.grid(visible=False, axis="x")
        axes.bar(places, of_known[shown], color=style.KNOWN_COLOR, label="of known methods")
        above = {"bottom": of_known[shown], "color": style.NOVEL_COLOR, "hatch": "////"}
        axes.bar(places, of_novel[shown], label="of novel ones", **above)
        axes.axvline(own - 0.5, color="#666666", linewidth=0.8, linestyle=":")
        axes.set_xticks(places, names, rotation=90, fontsize=6)
        axes.set_xlim(-0.8, len(places) - 0.2)
        axes.legend()
        return save_figure(figure, path, columns)


def _summary(total: np.ndarray, own: int, merged: int) -> str:
    used = np.count_nonzero(total[own:])
    text = f"{own} known methods; {used} of {len(total) - own} clusters in use"
    return f"{text}; {merged} prototypes merged" if merged else text

"""One file's faces over time: small pictures above the curve of their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.save_figure import save_figure

SHOWN = 10
"""Pictures per face; more would be too small to see."""
MOST_FACES = 6


@dataclass(frozen=True)
class FaceCurve:
    """One followed face: its score, frame indices, a probability for each, and ``(n, h, w, 3)`` uint8 pictures."""

    name: str
    score: float
    frames: Sequence[int]
    probs: Sequence[float]
    pictures: Sequence[np.ndarray]


def timeline(curves: Sequence[FaceCurve], title: str, path: Path, what: str = "fake", threshold: float = 0.5) -> Path:
    """Draw the first :data:`MOST_FACES` faces to ``path`` (PNG), with a CSV of all beside it.

    ``what`` it is that the probabilities are of; a dotted line marks the ``threshold``.
    """
    drawn = curves[:MOST_FACES]
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(7.5, 1.9 * len(drawn) + 0.4), layout="constrained")
        figure.suptitle(title if len(curves) == len(drawn) else f"{title} (first {len(drawn)} of {len(curves)} faces)")
        rows = figure.subplots(2 * len(drawn), 1, height_ratios=[1, 1.2] * len(drawn), squeeze=False)[:, 0]
        for curve, strip, plot in zip(drawn, rows[::2], rows[1::2], strict=True):
            _pictures(strip, curve)
            _scores(plot, curve, what, threshold)
        rows[-1].set_xlabel("frame")
        flat = [(c.name, f, p) for c in curves for f, p in zip(c.frames, c.probs, strict=True)]
        columns = dict(zip(("face", "frame", f"{what}_prob"), zip(*flat, strict=True), strict=True))
        return save_figure(figure, path, columns)


def _pictures(axes: matplotlib.axes.Axes, curve: FaceCurve) -> None:
    chosen = np.unique(np.linspace(0, len(curve.pictures) - 1, min(SHOWN, len(curve.pictures)), dtype=int))
    axes.imshow(np.concatenate([curve.pictures[i] for i in chosen], axis=1))
    axes.set_axis_off()
    axes.set_title(f"{curve.name}: {curve.score:.3f}", loc="left")


def _scores(axes: matplotlib.axes.Axes, curve: FaceCurve, what: str, threshold: float) -> None:
    axes.plot(curve.frames, curve.probs, color=style.FAKE_COLOR, marker="o", markersize=3, linewidth=1)
    axes.axhline(threshold, color="#666666", linewidth=0.8, linestyle=":")
    axes.set(ylim=(-0.03, 1.03), ylabel=what)

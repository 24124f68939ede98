"""What corruptions of pictures do to detectors on one test set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.save_figure import save_figure

ACROSS = 4
"""Panels in a row."""
NUMBERS = ("value", "low", "high")
CLEAN = "0"


def robustness(runs: Mapping[str, Mapping[str, Any]], title: str, path: Path) -> Path:
    """Draw ``runs``, parts of robustness.json by display name, to ``path`` (PNG), with a CSV beside it.

    One panel per corruption: across, its level (0 is clean); up, video AUC with its interval as a band.
    """
    kinds = list(dict.fromkeys(name for found in runs.values() for name in found["corruptions"]))
    across = min(ACROSS, len(kinds))
    down = -(-len(kinds) // across)
    rows: list[tuple] = []
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(2.1 * across + 0.4, 1.9 * down + 0.6), layout="constrained")
        where = " and ".join(dict.fromkeys(found["applied"] for found in runs.values()))
        figure.suptitle(f"{title}, corrupted {where}")
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for kind, axes in zip(kinds, panels, strict=False):
            axes.set(title=kind, xticks=range(6), xlim=(-0.2, 5.2), ylim=(None, 1.02))
            for number, (name, found) in enumerate(runs.items()):
                points = _points(found, kind)
                _curve(axes, name, points, number)
                rows += [(name, kind, level, *figures) for level, *figures in points.tolist()]
        for axes in panels[len(kinds) :]:
            axes.set_axis_off()
        figure.supxlabel("level", fontsize=9)
        figure.supylabel("video AUC", fontsize=9)
        panels[0].legend(loc="lower left")
        names = ("run", "corruption", "level", "auc", "low", "high")
        return save_figure(figure, path, dict(zip(names, zip(*rows, strict=True), strict=True)))


def _points(found: Mapping[str, Any], kind: str) -> np.ndarray:
    """``(n, 4)``: level, AUC and its bounds, NaN where there are none; nothing where ``kind`` was not measured."""
    by_level = found["corruptions"].get(kind, {})
    figures = {CLEAN: found["clean"], **by_level} if by_level else {}
    points = [
        [float(level), *(_number(each["video/auc"].get(key)) for key in NUMBERS)] for level, each in figures.items()
    ]
    return np.array(sorted(points)).reshape(-1, 1 + len(NUMBERS))


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _curve(axes: Axes, name: str, points: np.ndarray, number: int) -> None:
    level, auc, low, high = points.T
    axes.plot(level, auc, marker="o", markersize=3, label=name, **style.line(number))
    axes.fill_between(level, low, high, color=style.line(number)["color"], alpha=0.15, linewidth=0)

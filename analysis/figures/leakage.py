"""Identity that leaks into detectors' features on one test set, beside what they are worth as detectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.save_figure import save_figure


def leakage(runs: Mapping[str, Mapping[str, Any]], title: str, path: Path) -> Path:
    """Draw ``runs``, parts of leakage.json by display name, to ``path`` (PNG), with a CSV beside it.

    One point per detector: across, how many faces a linear probe on its features names; up, its video AUC; both with
    intervals. Lines mark chance and the face-recognition network. Detectors without AUC stand at the bottom.
    """
    columns: dict[str, list] = {name: [] for name in ("run", *_names("told"), *_names("auc"), "chance", "reference")}
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.6, 3.6))
        axes = figure.add_subplot(
            title=title, xlabel="persons named by a linear probe", ylabel="video AUC", xlim=(0, 1), ylim=(-0.02, 1.02)
        )
        for number, (name, found) in enumerate(runs.items()):
            told, auc = (_bounds(found[key]) for key in ("features", "auc"))
            row = (name, *told, *auc, found["chance"], found["reference"]["value"])
            for key, value in zip(columns, row, strict=True):
                columns[key].append(value)
            x, y = told, auc if np.isfinite(auc[0]) else np.zeros(3)
            axes.errorbar(
                x[0],
                y[0],
                xerr=_reach(x),
                yerr=_reach(y),
                fmt="o",
                label=name,
                capsize=2,
                color=style.COLORS[number % len(style.COLORS)],
            )
        for key, label, dash in (("chance", "chance", ":"), ("reference", "face recognition", "--")):
            axes.axvline(np.mean(columns[key]), color="#666666", linewidth=0.9, linestyle=dash, label=label)
        axes.legend(loc="lower right")
        return save_figure(figure, path, columns)


def _names(figure: str) -> tuple[str, str, str]:
    return figure, f"{figure}_low", f"{figure}_high"


def _bounds(figure: Mapping[str, Any] | None) -> np.ndarray:
    """Value, lower and upper bound; NaN where there is none."""
    known = {} if figure is None else figure
    return np.array([np.nan if known.get(key) is None else known[key] for key in ("value", "low", "high")], float)


def _reach(bounds: np.ndarray) -> np.ndarray:
    """Lengths of the two error bars, 0 where there is no interval."""
    value, low, high = bounds
    return np.nan_to_num([[value - low], [high - value]]).clip(0)

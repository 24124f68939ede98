"""What was learned on one data set, tested on others: a heat map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis import style
from analysis.collect import Result
from analysis.command import command
from analysis.save_figure import save_figure
from training.core.cli import run_entry

METRIC = "video/auc"


def train_test(results: Sequence[Result], title: str, path: Path, metric: str = METRIC) -> Path | None:
    """Draw a row per run, named by what it was trained on, and a column per test set to ``path`` (PNG), with a CSV.

    ``metric`` must lie in [0, 1] with chance at one half. Framed cells are tests on a data set that was trained on, if
    on other videos of it. None if no run has the figure.
    """
    sets = list(dict.fromkeys(name for result in results for name, s in result.sets.items() if metric in s.metrics))
    if not sets:
        return None
    values = np.array([[_value(result, name, metric) for name in sets] for result in results])
    seen = np.array([[_base(name) in map(_base, result.trained_on) for name in sets] for result in results])
    with matplotlib.rc_context(style.FIGURE_STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(1.0 * len(sets) + 3.2, 0.42 * len(results) + 1.5), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel="tested on", ylabel="trained on")
        low = min(0.5, np.nanmin(values, initial=0.5))
        image = axes.imshow(values, cmap="cividis", vmin=low, vmax=1, aspect="auto")
        figure.colorbar(image, ax=axes, label=style.metric_name(metric), fraction=0.04)
        axes.set_xticks(range(len(sets)), map(style.dataset_name, sets), rotation=30, ha="right")
        axes.set_yticks(range(len(results)), row_names(results))
        _write(axes, values, seen, low)
        rows, columns = (axis.ravel() for axis in np.indices(values.shape))
        return save_figure(
            figure,
            path,
            {
                "run": [results[row].label for row in rows],
                "trained_on": [" ".join(results[row].trained_on) for row in rows],
                "test_set": [sets[column] for column in columns],
                metric: ["" if np.isnan(value) else value for value in values.ravel()],
            },
        )


def row_names(results: Sequence[Result]) -> list[str]:
    """What each run was trained on, with the detector where there are several or nothing is known."""
    together = len({result.detector for result in results}) == 1
    names = [", ".join(map(style.dataset_name, result.trained_on)) or "unknown" for result in results]
    if together and len(set(names)) == len(names):
        return names
    detectors = [style.detector_name(result.detector) for result in results]
    joined = [f"{detector}: {name}" for detector, name in zip(detectors, names, strict=True)]
    if len(set(joined)) == len(joined):
        return joined
    return [f"{result.label}: {name}" for result, name in zip(results, names, strict=True)]


def _value(result: Result, test_set: str, metric: str) -> float:
    figure = result.sets[test_set].metrics.get(metric) if test_set in result.sets else None
    return np.nan if figure is None or figure["value"] is None else figure["value"]


def _base(name: str) -> str:
    """A data set without its compression."""
    base, _, suffix = name.rpartition("_")
    return base if suffix in ("raw", "c23", "c40") else name


def _write(axes: Axes, values: np.ndarray, seen: np.ndarray, low: float) -> None:
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        text, light = ("-", False) if np.isnan(value) else (f"{value:.3f}", (value - low) / (1 - low) < 0.55)
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if light else "black")
        if seen[row, column]:
            axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, linewidth=1.2))


def _draw(results: list[Result], folder: Path) -> Iterator[Path | None]:
    yield train_test(results, "", folder / "train_test.png")


main = command(_draw, "train_test", "Draw runs, by what they were trained on, against test sets.")

if __name__ == "__main__":
    run_entry(main)

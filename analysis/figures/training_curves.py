"""How training went: loss per step, and the figures of the validation sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.collect import Result
from analysis.command import command, picture
from analysis.save_figure import save_figure
from training.core.cli import run_entry

SHOWN = ("video/auc", "frame/auc", "video/eer", "frame/known_acc")
"""Validation figures that are drawn; the CSV has all."""


def training_curves(log: Iterable[Mapping[str, Any]], title: str, path: Path) -> Path | None:
    """Draw the lines of ``log.jsonl`` to ``path`` (PNG) and write them beside it (CSV: step, name, value).

    None if the log has neither losses nor validations.
    """
    curves = _curves(log)
    validated = [name for name in SHOWN if f"val/{name}" in curves]
    panels = [*(["loss"] if "loss" in curves else []), *(["val"] if validated else [])]
    if not panels:
        return None
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.2 * len(panels), 2.8), layout="constrained")
        figure.suptitle(title, fontsize=10)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            axes.set(xlabel="step", ylabel="training loss" if panel == "loss" else "validation")
            if panel == "loss":
                _draw_loss(axes, *curves["loss"])
                continue
            for number, name in enumerate(validated):
                axes.plot(*curves[f"val/{name}"], marker=".", label=style.metric_name(name), **style.line(number))
            axes.legend()
        long = [(step, name, value) for name, points in curves.items() for step, value in zip(*points, strict=True)]
        return save_figure(figure, path, dict(zip(("step", "name", "value"), zip(*long, strict=True), strict=True)))


def _curves(log: Iterable[Mapping[str, Any]]) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values by name: ``loss``, ``loss/<part>``, ``lr``, ``val/<metric>``; undefined figures are left out."""
    curves: dict[str, tuple[list[int], list[float]]] = {}
    for row in log:
        parts = {f"loss/{name}": value for name, value in row.get("parts", {}).items()}
        val = {f"val/{name}": value for name, value in row.get("val", {}).items() if value is not None}
        for name, value in {**{k: row[k] for k in ("loss", "lr") if k in row}, **parts, **val}.items():
            steps, values = curves.setdefault(name, ([], []))
            steps.append(row["step"])
            values.append(value)
    return curves


def _draw_loss(axes: Axes, steps: list[int], values: list[float]) -> None:
    """The loss as logged, faint, under its running mean over a twentieth of the run."""
    span = max(len(values) // 20, 1)
    total = np.concatenate([[0.0], np.cumsum(values)])
    upto = np.arange(1, len(values) + 1)
    since = np.maximum(upto - span, 0)
    axes.plot(steps, values, color=style.COLORS[0], alpha=0.3, linewidth=0.8)
    axes.plot(steps, (total[upto] - total[since]) / (upto - since), color=style.COLORS[0])


def _draw(results: list[Result], folder: Path) -> Iterator[Path | None]:
    for result in results:
        yield training_curves(result.log, result.label, picture(folder, "training_curves", result.label))


main = command(_draw, "training_curves", "Draw the loss and the validation figures of each run.")

if __name__ == "__main__":
    run_entry(main)

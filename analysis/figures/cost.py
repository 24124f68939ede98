"""What runs cost, as measured: parameters, operations per frame, speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.collect import Result
from analysis.command import command
from analysis.save_figure import save_figure
from training.core.cli import run_entry
from training.engine.results import COST, read_json

PANELS = {
    "parameters": ("million parameters\n(dark: those that learn)", 1e-6),
    "flops_per_frame": ("GFLOP per frame", 1e-9),
    "frames_per_second": ("frames per second", 1.0),
}
"""What is drawn: name in ``cost.json`` -> name and unit on the axis."""


def cost(costs: Mapping[str, Mapping[str, Any]], title: str, path: Path) -> Path | None:
    """Draw the contents of ``cost.json`` by display name to ``path`` (PNG), with all of them in a CSV beside it.

    Of the parameters the dark part is what learns. Speeds of different machines cannot be compared: the CSV and the
    axis say where they were measured. What was not measured is left empty; None where nothing was.
    """
    costs = {name: found for name, found in costs.items() if found}
    if not costs:
        return None
    names, at = list(costs), np.arange(len(costs))
    devices = dict.fromkeys(str(found.get("device")) for found in costs.values())
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(8.4, 0.34 * len(names) + 1.5), layout="constrained")
        figure.suptitle(title, fontsize=10)
        grid = figure.subplots(1, len(PANELS), sharey=True)
        for axes, (key, (label, unit)) in zip(grid, PANELS.items(), strict=True):
            values = _numbers(costs, key) * unit
            axes.barh(at, values, color=style.COLORS[5])
            if key == "parameters":
                axes.barh(at, _numbers(costs, "learning") * unit, color=style.COLORS[0])
            for row, value in enumerate(values):
                axes.text(np.nan_to_num(value), row, f" {_text(value)}", va="center", fontsize=7)
            axes.margins(x=0.2)
            axes.set_xlabel(label)
        grid[0].set_yticks(at, names)
        grid[0].invert_yaxis()
        grid[-1].set_xlabel(f"frames per second\n{'; '.join(devices)}")
        keys = list(dict.fromkeys(key for found in costs.values() for key in found))
        columns = {key: [found.get(key, "") for found in costs.values()] for key in keys}
        return save_figure(figure, path, {"run": names, **columns})


def _numbers(costs: Mapping[str, Mapping[str, Any]], key: str) -> np.ndarray:
    return np.array([found.get(key, np.nan) for found in costs.values()], dtype=float)


def _text(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _draw(results: list[Result], folder: Path) -> Iterator[Path | None]:
    found = {result.label: read_json(files[-1]) for result in results if (files := result.left(COST))}
    yield cost(found, "", folder / "cost.png")


main = command(_draw, "cost", f"Draw what runs cost, of those with a {COST}: training/test.py --cost measures it.")

if __name__ == "__main__":
    run_entry(main)

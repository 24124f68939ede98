"""Which outputs the pictures of each method were given."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.attribution import Matched
from analysis.save_figure import save_figure

CELL = 0.17
"""Side of a cell in inches, for labels of the smallest size that can be read."""
MOST_UNPAIRED = 10
"""Outputs that stand for no method which get a column each; the others share one."""
WRITTEN = 12
"""Outputs up to which cells hold their numbers."""


def confusion(found: Matched, title: str, path: Path) -> Path:
    """Draw methods against outputs in matched order to ``path`` (PNG) and write all counts beside it (CSV).

    A row is a method's share of pictures per output. On the diagonal are the outputs that stand for the methods; lines
    part known from novel ones. Of the outputs behind the pairs the least used share a column, unused ones have none.
    """
    counts, outputs = _shown(found)
    size = counts.sum(1, keepdims=True)
    share = np.divide(counts, size, out=np.full(counts.shape, np.nan), where=size > 0)
    cell = max(CELL, 3.2 / len(outputs))
    with matplotlib.rc_context(style.FIGURE_STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(cell * len(outputs) + 2.6, cell * len(share) + 1.6), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel="output", ylabel="method (pictures)")
        image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        figure.colorbar(image, ax=axes, label="share of the method's pictures", fraction=0.03)
        names = [f"{name} ({int(n)})" for name, n in zip(found.methods, size[:, 0], strict=True)]
        axes.set_yticks(range(len(names)), names, fontsize=_font(cell))
        axes.set_xticks(range(len(outputs)), outputs, rotation=90, fontsize=_font(cell))
        axes.axhline(found.known - 0.5, color="#666666", linewidth=0.8)
        axes.axvline(found.known - 0.5, color="#666666", linewidth=0.8)
        if len(outputs) <= WRITTEN:
            _write(axes, share)
        return save_figure(figure, path, _columns(found))


def _shown(found: Matched) -> tuple[np.ndarray, list[str]]:
    """The columns that are drawn: pairs, the most used others, and the sum of the rest where it holds any picture."""
    own = found.pairs + MOST_UNPAIRED
    used = [column for column in range(len(found.outputs)) if column < found.pairs or found.counts[:, column].any()]
    first, rest = used[:own], used[own:]
    counts, names = found.counts[:, first], [found.outputs[column] for column in first]
    if not rest:
        return counts, names
    return np.column_stack([counts, found.counts[:, rest].sum(1)]), [*names, f"{len(rest)} others"]


def _columns(found: Matched) -> dict[str, list]:
    rows, columns = (axis.ravel().tolist() for axis in np.indices(found.counts.shape))
    size = found.counts.sum(1)
    return {
        "method": [found.methods[row] for row in rows],
        "known": [int(row < found.known) for row in rows],
        "output": [found.output(column) for column in columns],
        "pictures": found.counts.ravel().tolist(),
        "share": [found.counts[r, c] / size[r] if size[r] else "" for r, c in zip(rows, columns, strict=True)],
    }


def _font(cell: float) -> float:
    return min(9.0, 36 * cell)


def _write(axes: Axes, share: np.ndarray) -> None:
    for row, column in np.argwhere(share >= 0.005):
        value = share[row, column]
        color = "white" if value > 0.6 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=7)

"""Which spatial frequencies the faces of each method hold, and how they differ from real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.save_figure import save_figure
from analysis.spectra import Spectrum, spectra_command
from preprocessing.manifest import REAL
from training.core.cli import run_entry

COLUMNS = 4


def spectra_2d(found: Sequence[Spectrum], title: str, path: Path) -> Path:
    """Draw the mean power spectrum of real faces, and of each method the difference from it, to ``path`` (PNG).

    In decibel, frequency 0 in the middle, up to half a cycle per pixel. The CSV beside it holds the power of all in
    decibel, of the right half (the left one mirrors it). Without real faces all are drawn as they are.
    """
    real = next((one.decibel for one in found if one.method == REAL), None)
    changes = [one.decibel - real for one in found if one.method != REAL] if real is not None else []
    widest = max((np.quantile(np.abs(change), 0.99) for change in changes), default=1.0)
    rows = -(-len(found) // COLUMNS)
    with matplotlib.rc_context(style.FIGURE_STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(2.3 * min(len(found), COLUMNS) + 0.8, 2.5 * rows + 0.6), layout="constrained")
        figure.suptitle(title, fontsize=10)
        grid = figure.subplots(rows, min(len(found), COLUMNS), squeeze=False).ravel()
        for axes in grid[len(found) :]:
            axes.set_axis_off()
        for axes, one in zip(grid, found, strict=False):
            absolute = real is None or one.method == REAL
            axes.set(title=f"{one.method} ({one.pictures})" + ("" if absolute else " - real"), xticks=[], yticks=[])
            values = one.decibel if absolute else one.decibel - real
            looks = (
                {"cmap": "cividis", "vmin": np.quantile(values, 0.01)}
                if absolute
                else {"cmap": "RdBu_r", "vmin": -widest, "vmax": widest}
            )
            image = axes.imshow(values, **looks)
            figure.colorbar(image, ax=axes, fraction=0.046, label="dB")
        return save_figure(figure, path, _columns(found))


def _columns(found: Sequence[Spectrum]) -> dict[str, list]:
    side = len(found[0].power)
    down, across = (axis.ravel() for axis in np.indices((side, side - side // 2)))
    size = len(down)
    return {
        "method": [one.method for one in found for _ in range(size)],
        "cycles_down": (down - side // 2).tolist() * len(found),
        "cycles_across": across.tolist() * len(found),
        "decibel": [value for one in found for value in one.decibel[:, side // 2 :].ravel().round(4)],
    }


main = spectra_command(spectra_2d)

if __name__ == "__main__":
    run_entry(main)

"""How much power the faces of each method hold at each spatial frequency, whatever its direction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.save_figure import save_figure
from analysis.spectra import Spectrum, spectra_command
from training.core.cli import run_entry


def spectra_radial(found: Sequence[Spectrum], title: str, path: Path) -> Path:
    """Draw the mean power over all directions per frequency to ``path`` (PNG), with a CSV beside it.

    In decibel over cycles per pixel, up to one half (Durall et al., Watch Your Up-Convolution, CVPR 2020, integrate
    over directions, here they are averaged).
    """
    side = len(found[0].power)
    frequency = np.arange(1, side // 2) / side
    curves = {one.method: one.radial()[1:] for one in found}
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(5.4, 3.6), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel="cycles per pixel", ylabel="mean power in dB")
        for number, one in enumerate(found):
            look = style.line(number) | {"color": style.class_color(number, len(found))}
            axes.plot(frequency, curves[one.method], label=f"{one.method} ({one.pictures})", **look)
        figure.legend(loc="outside right upper", fontsize=7)
        return save_figure(
            figure,
            path,
            {
                "method": [method for method in curves for _ in frequency],
                "cycles_per_pixel": frequency.tolist() * len(curves),
                "decibel": [value for curve in curves.values() for value in curve],
            },
        )


main = spectra_command(spectra_radial)

if __name__ == "__main__":
    run_entry(main)

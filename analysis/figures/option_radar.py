"""The effect of one changed option (augmentation, pretraining, backbone): a ray per test set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.collect import Result
from analysis.command import command
from analysis.differences import run_names
from analysis.figures.option_bars import METRIC, bounds, columns
from analysis.save_figure import save_figure
from training.core.cli import run_entry

FEWEST_RAYS = 3
"""With fewer test sets there is no area."""


def option_radar(results: Sequence[Result], title: str, path: Path, metric: str = METRIC) -> Path | None:
    """Draw ``metric`` as a polygon per run over rays, the test sets that all runs have, to ``path`` (PNG), with a CSV.

    Intervals are in the CSV; bars show them. None with fewer than three such test sets. Areas mean little: they depend
    on the order of the rays and on where the middle is.
    """
    results = results[: len(style.COLORS)]
    everywhere = [name for name in results[0].sets if all(np.isfinite(bounds(r, name, metric)[0]) for r in results)]
    if len(everywhere) < FEWEST_RAYS:
        return None
    names = run_names(results)
    values = np.array([[bounds(result, name, metric) for name in everywhere] for result in results])
    angles = np.linspace(0, 2 * np.pi, len(everywhere), endpoint=False)
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(4.6, 4.6), layout="constrained")
        axes = figure.add_subplot(projection="polar", title=title, theta_offset=np.pi / 2, theta_direction=-1)
        for number, (name, found) in enumerate(zip(names, values, strict=True)):
            look = style.line(number)
            axes.plot(*_closed(angles, found[:, 0]), marker=".", label=name, **look)
            axes.fill(angles, found[:, 0], color=look["color"], alpha=0.08)
        axes.set_ylim(min(0.5, values[..., 0].min()), 1.0)
        axes.set_xticks(angles, map(style.dataset_name, everywhere))
        axes.tick_params(axis="x", pad=8)
        figure.legend(loc="outside lower center", ncols=2, title=style.metric_name(metric))
        return save_figure(figure, path, columns(names, everywhere, values))


def _closed(*lines: np.ndarray) -> list[np.ndarray]:
    return [np.append(line, line[0]) for line in lines]


def _draw(results: list[Result], folder: Path) -> Iterator[Path | None]:
    yield option_radar(results, "", folder / "option_radar.png")


main = command(_draw, "option_radar", "Draw what a changed option does, from runs that differ in it.")

if __name__ == "__main__":
    run_entry(main)

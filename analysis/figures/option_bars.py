"""The effect of one changed option (augmentation, pretraining, backbone): bars per test set."""

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
from analysis.save_figure import save_figure
from training.core.cli import run_entry

METRIC, CHANCE = "video/auc", 0.5
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++")
"""Tell bars apart in gray print."""


def option_bars(results: Sequence[Result], title: str, path: Path, metric: str = METRIC) -> Path | None:
    """Draw ``metric`` with its interval per test set and run to ``path`` (PNG), with a CSV beside it.

    ``metric`` is an AUC: bars begin at chance. Runs are named by the settings in which they differ. Figures that are
    undefined have no bar. At most as many runs as there are colors; None if no test set has the figure.
    """
    results = results[: len(style.COLORS)]
    sets = list(dict.fromkeys(name for result in results for name, s in result.sets.items() if metric in s.metrics))
    if not sets:
        return None
    names, width = run_names(results), 0.8 / len(results)
    values = np.array([[bounds(result, name, metric) for name in sets] for result in results])
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(max(4.2, 0.32 * len(sets) * len(results) + 1.6), 3.2), layout="constrained")
        axes = figure.add_subplot(title=title, ylabel=style.metric_name(metric))
        axes.grid(axis="x", visible=False)
        for number, (name, found) in enumerate(zip(names, values, strict=True)):
            at = np.arange(len(sets)) + (number - (len(results) - 1) / 2) * width
            value, low, high = found.T
            reach = np.nan_to_num([value - low, high - value]).clip(0)
            look = {"color": style.COLORS[number], "hatch": HATCHES[number], "edgecolor": "white"}
            axes.bar(
                at,
                value - CHANCE,
                width,
                bottom=CHANCE,
                yerr=reach,
                capsize=2,
                label=name,
                error_kw={"linewidth": 0.8},
                **look,
            )
        axes.set_xticks(range(len(sets)), map(style.dataset_name, sets))
        axes.axhline(CHANCE, color="#666666", linewidth=0.8)
        axes.set_ylim(np.nanmin(values, initial=CHANCE) - 0.02, 1.02)
        figure.legend(loc="outside lower center", ncols=2)
        return save_figure(figure, path, columns(names, sets, values))


def bounds(result: Result, test_set: str, metric: str) -> tuple[float, float, float]:
    """A run's figure on a test set with its interval; NaN for what there is not."""
    figure = result.sets[test_set].metrics.get(metric, {}) if test_set in result.sets else {}
    value, low, high = (figure.get(key) for key in ("value", "low", "high"))
    return tuple(np.nan if number is None else number for number in (value, low, high))


def columns(names: Sequence[str], sets: Sequence[str], values: np.ndarray) -> dict[str, list]:
    """The numbers behind the figure, from ``(runs, sets, 3)`` values with bounds."""
    flat = values.reshape(-1, 3).T.tolist()
    return {
        "run": [name for name in names for _ in sets],
        "test_set": list(sets) * len(names),
        **dict(zip(("value", "low", "high"), flat, strict=True)),
    }


def _draw(results: list[Result], folder: Path) -> Iterator[Path | None]:
    yield option_bars(results, "", folder / "option_bars.png")


main = command(_draw, "option_bars", "Draw what a changed option does, from runs that differ in it.")

if __name__ == "__main__":
    run_entry(main)

"""What each part of a method is worth: a row per variant of an ablation, figures over its seeds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.ablation import Variant, read_variants
from analysis.command import show
from analysis.save_figure import save_figure
from training.core.cli import add_debug, run_entry

METRIC = "video/auc"


def ablation(variants: Sequence[Variant], title: str, path: Path, metric: str = METRIC) -> Path | None:
    """Draw ``metric`` of each variant, a panel per test set, to ``path`` (PNG), with a CSV beside it.

    Dots are means over seeds, thin bars the mean bounds of the intervals over test videos, thick ones a standard
    deviation over seeds to each side. A line marks the first variant. None where no variant has the figure.
    """
    sets = list(dict.fromkeys(name for v in variants for name, figures in v.figures.items() if metric in figures))
    if not sets:
        return None
    values = np.array([[_figure(variant, name, metric) for name in sets] for variant in variants])
    with matplotlib.rc_context(style.FIGURE_STYLE):
        figure = Figure(figsize=(2.6 * len(sets) + 2.0, 0.34 * len(variants) + 1.4), layout="constrained")
        figure.suptitle(title, fontsize=10)
        grid = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
        for number, (axes, name) in enumerate(zip(grid, sets, strict=True)):
            axes.set(title=style.dataset_name(name), xlabel=style.metric_name(metric))
            _panel(axes, values[:, number])
        grid[0].set_yticks(range(len(variants)), [f"{v.name} ({len(v.seeds)})" for v in variants])
        grid[0].set_ylabel("variant (seeds)")
        grid[0].invert_yaxis()
        flat = values.reshape(-1, 4).T.tolist()
        return save_figure(
            figure,
            path,
            {
                "variant": [variant.name for variant in variants for _ in sets],
                "test_set": sets * len(variants),
                "seeds": [len(variant.seeds) for variant in variants for _ in sets],
                **dict(zip(("value", "low", "high", "spread"), flat, strict=True)),
            },
        )


def _figure(variant: Variant, test_set: str, metric: str) -> list[float]:
    """Mean, lower and upper bound, spread over seeds; NaN for what there is not."""
    found = variant.figures.get(test_set, {}).get(metric, {})
    return [np.nan if found.get(key) is None else found[key] for key in ("value", "low", "high", "spread")]


def _panel(axes: Axes, values: np.ndarray) -> None:
    value, low, high, spread = values.T
    at, color = np.arange(len(values)), style.COLORS[0]
    axes.axvline(value[0], color="#666666", linewidth=0.8, linestyle=":")
    axes.errorbar(value, at, xerr=spread, fmt="none", color=color, elinewidth=5, alpha=0.35)
    axes.errorbar(value, at, xerr=np.array([value - low, high - value]), fmt="o", markersize=4, color=color, capsize=2)


def main(argv: list[str]) -> None:
    """Draw the ablations in some folders, each into its own; print where."""
    parser = argparse.ArgumentParser(prog="python -m analysis.figures.ablation", description=__doc__)
    parser.add_argument("homes", nargs="+", type=Path, metavar="FOLDER", help="what training/ablation.py wrote into")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: beside the table of each")
    add_debug(parser)
    args = parser.parse_args(argv)
    show(ablation(read_variants(home), home.name, (args.output or home) / "ablation.png") for home in args.homes)


if __name__ == "__main__":
    run_entry(main)

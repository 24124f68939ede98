"""Where the pictures of each method lie in a detector's feature space, as far as a plane can show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from sklearn.manifold import TSNE

from analysis import style
from analysis.collect import Result
from analysis.command import command, picture
from analysis.save_figure import save_figure
from preprocessing.manifest import REAL
from training.core.classes import known_of
from training.core.cli import run_entry
from training.engine.results import Scores

MOST_POINTS = 2000
FEWEST_POINTS = 5
PERPLEXITY = 30.0
"""Of t-SNE where there are enough points for it (van der Maaten and Hinton, JMLR 2008)."""
PER_COLUMN = 24
"""Methods per column of the legend."""


def tsne(scores: Scores, features: np.ndarray, title: str, path: Path, seed: int = 0) -> Path | None:
    """Draw features ``(N, d)`` of the rows of ``scores`` on a plane by t-SNE, to ``path`` (PNG), with a CSV beside it.

    Disks are pictures of known methods, triangles those of novel ones where the detector names methods; a method's
    number stands at its median. Of more than MOST_POINTS rows as many are drawn at random, which the axis says. None
    where there are hardly any, or all lie in one point. Distances between groups mean nothing.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(scores))[:MOST_POINTS])
    if len(rows) < FEWEST_POINTS or not np.ptp(features[rows], axis=0).any():
        return None
    shown, plane = scores.select(rows), _embed(features[rows], seed)
    with matplotlib.rc_context(style.FIGURE_STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(6.8, 4.6), layout="constrained")
        subset = "all pictures" if len(rows) == len(scores) else f"{len(rows)} of {len(scores)} pictures, at random"
        axes = figure.add_subplot(title=title, xlabel=f"t-SNE, seed {seed}; {subset}", xticks=[], yticks=[])
        _draw(axes, shown, plane)
        columns = -(-len(set(shown.method)) // PER_COLUMN)
        figure.legend(loc="outside right upper", fontsize=6.5, markerscale=1.8, ncols=columns)
        identity = {name: getattr(shown, name) for name in ("dataset", "video", "frame", "method")}
        return save_figure(
            figure,
            path,
            {**identity, "known": np.isin(shown.method, _known(shown)).astype(int), "x": plane[:, 0], "y": plane[:, 1]},
        )


def _known(scores: Scores) -> list[str]:
    """The methods that are not novel: all of them where a detector tells real from fake only."""
    return known_of(scores.classes) if scores.classes else sorted(set(scores.method), key=lambda m: (m != REAL, m))


def _embed(features: np.ndarray, seed: int) -> np.ndarray:
    """``(n, 2)``."""
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(features.astype(np.float32))


def _draw(axes: Axes, scores: Scores, plane: np.ndarray) -> None:
    known, there = _known(scores), set(scores.method)
    methods = [name for name in known if name in there] + sorted(there - set(known))
    for number, name in enumerate(methods):
        points = plane[scores.method == name]
        label = f"{number + 1} {name}" + ("" if name in known else " (novel)")
        look = {"marker": "o" if name in known else "^", "color": style.class_color(number, len(methods))}
        axes.scatter(*points.T, s=9, linewidths=0, alpha=0.7, label=label, **look)
    for number, name in enumerate(methods):
        at = np.median(plane[scores.method == name], axis=0)
        halo = [withStroke(linewidth=1.5, foreground="white")]
        axes.text(*at, str(number + 1), fontsize=7, ha="center", va="center", path_effects=halo)


def _draw_all(results: list[Result], folder: Path) -> Iterator[Path | None]:
    for result in results:
        for name, test_set in result.sets.items():
            scores = test_set.scores()
            features, title = test_set.features(scores), f"{result.label}: {style.dataset_name(name)}"
            if features is not None:
                yield tsne(scores, features, title, picture(folder, "tsne", result.label, name))


main = command(_draw_all, "tsne", "Draw the features of each run's test sets, kept with --set log.save_feat=true.")

if __name__ == "__main__":
    run_entry(main)

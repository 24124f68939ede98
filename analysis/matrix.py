"""Runs against test sets, one metric: as text, as LaTeX for papers, and as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis import style
from analysis.latex import latex_table
from analysis.marks import ALIKE, BEST, Marks
from analysis.rows import Row, metric_names, of_detection
from analysis.standings import TOP, Standing, standings
from training.core.paths import atomic

HEADLINES = ("video/auc", "frame/auc")
"""Metrics that get a matrix of runs against test sets of their own."""
LATEX_LEGEND = "% Bold: highest. Underlined: not distinguishable from it (paired DeLong test by video, Holm, 5 %).\n"
Table = tuple[list[str], list[list[str]]]
"""Header and lines."""


def matrix(rows: Sequence[Row], metric: str, marks: Marks | None = None) -> Table:
    """Header and lines of runs against test sets; with several sets also the mean, where all are defined.

    Several runs are ranked by it; of more than three it is said on how many sets they are among the three best.
    ``marks`` stand behind their figures.
    """
    sets, figures = _by_run(rows, metric)
    header = [style.metric_name(metric), *map(style.dataset_name, sets)]
    lines = [
        [name, *(_marked(figure, (marks or {}).get((name, s))) for s, figure in zip(sets, of_run, strict=True))]
        for name, of_run in figures.items()
    ]
    if len(sets) == 1:
        return header, lines
    extra = ["mean", *(["rank"] if len(lines) > 1 else []), *(["top 3"] if len(lines) > TOP else [])]
    found = _standings(figures)
    for line in lines:
        one = found.get(line[0])
        line += [f"{one.mean:.3f}", str(one.rank), str(one.top)][: len(extra)] if one else ["-"] * len(extra)
    return header + extra, lines


def _marked(figure: dict[str, Any] | None, mark: str | None) -> str:
    return style.figure_text(figure) + (f" {mark}" if mark else "")


def _by_run(rows: Sequence[Row], metric: str) -> tuple[list[str], dict[str, list[dict[str, Any] | None]]]:
    """The test sets, and each run's figures on them."""
    sets = list(dict.fromkeys(row.test_set for row in rows))
    figures = {(row.name, row.test_set): row.metrics.get(metric) for row in rows}
    return sets, {name: [figures.get((name, s)) for s in sets] for name in dict.fromkeys(row.name for row in rows)}


def _standings(figures: dict[str, list[dict[str, Any] | None]]) -> dict[str, Standing]:
    return standings({name: [f and f["value"] for f in of_run] for name, of_run in figures.items()})


def latex(rows: Sequence[Row], marks: Mapping[str, Marks]) -> str:
    """The matrices of the headline metrics as LaTeX, the best value of each test set and the best mean in bold.

    What is not distinguishable from the best is underlined.
    """
    rows = of_detection(rows)
    tables = [_latex(rows, metric, marks.get(metric, {})) for metric in HEADLINES if metric in metric_names(rows)]
    return "\n".join([LATEX_LEGEND, *tables] if any(marks.values()) else tables)


def _latex(rows: Sequence[Row], metric: str, marks: Marks) -> str:
    header, lines = matrix(rows, metric)
    if len(lines) == 1:
        return latex_table(header, lines)
    sets, figures = _by_run(rows, metric)
    places = {(name, s): (at, n) for at, name in enumerate(figures) for n, s in enumerate(sets, 1)}
    cells = {mark: [place for cell, place in places.items() if marks.get(cell) == mark] for mark in (BEST, ALIKE)}
    means = [found.mean if (found := _standings(figures).get(name)) else -math.inf for name in figures]
    if len(sets) > 1:
        cells[BEST] += [(at, len(sets) + 1) for at, mean in enumerate(means) if mean == max(means) > -math.inf]
    return latex_table(header, lines, cells[BEST], cells[ALIKE])


def write_matrix(rows: Sequence[Row], metric: str, marks: Marks, path: Path) -> None:
    """Write the matrix as CSV: a line per run, per test set its figure, bounds and mark, then mean, rank and top 3."""
    sets, figures = _by_run(rows, metric)
    found = _standings(figures)
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = [f"{name}{part}" for name in sets for part in ("", " low", " high", " mark")]
        writer.writerow(["run", *columns, "mean", "rank", "top_3"])
        for name, of_run in figures.items():
            cells: list[Any] = [name]
            for test_set, figure in zip(sets, of_run, strict=True):
                cells += [(figure or {}).get(key) for key in ("value", "low", "high")]
                cells.append(marks.get((name, test_set)))
            one = found.get(name)
            writer.writerow([*cells, *((one.mean, one.rank, one.top) if one else (None, None, None))])

"""Runs against test sets, one metric: as text, and as LaTeX for papers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from analysis import style
from analysis.latex import latex_table
from analysis.rows import Row, metric_names, of_detection
from analysis.standings import TOP, Standing, standings

HEADLINES = ("video/auc", "frame/auc")
"""Metrics that get a matrix of runs against test sets of their own."""
Table = tuple[list[str], list[list[str]]]
"""Header and lines."""


def matrix(rows: Sequence[Row], metric: str) -> Table:
    """Header and lines of runs against test sets; with several sets also the mean, where all are defined.

    Several runs are ranked by it; of more than three it is said on how many sets they are among the three best.
    """
    sets, figures = _by_run(rows, metric)
    header = [style.metric_name(metric), *map(style.dataset_name, sets)]
    lines = [[name, *map(style.figure_text, of_run)] for name, of_run in figures.items()]
    if len(sets) == 1:
        return header, lines
    extra = ["mean", *(["rank"] if len(lines) > 1 else []), *(["top 3"] if len(lines) > TOP else [])]
    found = _standings(figures)
    for line in lines:
        one = found.get(line[0])
        line += [f"{one.mean:.3f}", str(one.rank), str(one.top)][: len(extra)] if one else ["-"] * len(extra)
    return header + extra, lines


def _by_run(rows: Sequence[Row], metric: str) -> tuple[list[str], dict[str, list[dict[str, Any] | None]]]:
    """The test sets, and each run's figures on them."""
    sets = list(dict.fromkeys(row.test_set for row in rows))
    figures = {(row.name, row.test_set): row.metrics.get(metric) for row in rows}
    return sets, {name: [figures.get((name, s)) for s in sets] for name in dict.fromkeys(row.name for row in rows)}


def _standings(figures: dict[str, list[dict[str, Any] | None]]) -> dict[str, Standing]:
    return standings({name: [f and f["value"] for f in of_run] for name, of_run in figures.items()})


def latex(rows: Sequence[Row]) -> str:
    """The matrices of the headline metrics as LaTeX, the best value of each test set and the best mean in bold."""
    rows = of_detection(rows)
    return "\n".join(_latex(rows, metric) for metric in HEADLINES if metric in metric_names(rows))


def _latex(rows: Sequence[Row], metric: str) -> str:
    header, lines = matrix(rows, metric)
    sets, figures = _by_run(rows, metric)
    found = _standings(figures) if len(sets) > 1 else {}
    columns = [[f and f["value"] for f in column] for column in zip(*figures.values(), strict=True)]
    columns += [[found[name].mean if name in found else None for name in figures]] if found else []
    known = [[-math.inf if value is None else value for value in column] for column in columns]
    best = {(at, n) for n, col in enumerate(known, 1) for at, v in enumerate(col) if v == max(col) > -math.inf}
    return latex_table(header, lines, best if len(lines) > 1 else ())

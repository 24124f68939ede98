"""Results as rows, one per run and test set: what every table is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis import style
from analysis.collect import Result, with_switches
from training.core.paths import shown
from training.metrics.ranking import METRICS

ABREAST = 6
"""Figures in one table of several runs; more would be too wide to read."""
RANKED_BY = "all_acc"
"""The metric that orders attribution methods."""


@dataclass(frozen=True)
class Row:
    """One run on one test set."""

    detector: str
    label: str
    run: str
    trained_on: tuple[str, ...]
    test_set: str
    compat: dict[str, str]
    """Switches that change what the figures mean; part of the row's name wherever it is shown."""
    metrics: dict[str, dict[str, Any]]
    counts: dict[str, int]
    protocol: str | None = None
    """The hash of what the figures were taken under; None where it is not known."""

    @property
    def name(self) -> str:
        """The run's display name, with the compatibility switches."""
        return with_switches(self.label, self.compat)


def cross_table(results: Iterable[Result]) -> list[Row]:
    """A row per run and test set, in the order of the runs."""
    return [
        Row(
            detector=result.detector,
            label=result.label,
            run=shown(result.folder),
            trained_on=tuple(result.trained_on),
            test_set=test_set.name,
            compat=test_set.compat,
            metrics=test_set.metrics,
            counts=test_set.counts,
            protocol=test_set.protocol,
        )
        for result in results
        for test_set in result.sets.values()
    ]


def of_detection(rows: Iterable[Row]) -> list[Row]:
    """The rows with what ranks them, real against fake; those without any are left out.

    Calibration and the carried threshold have tables of their own, or nobody could read these.
    """
    return list(_with(rows, METRICS.__contains__))


def of_calibration(rows: Iterable[Row]) -> list[Row]:
    """The rows with their calibration and what the source's threshold does; those without any are left out."""
    return list(_with(rows, lambda metric: metric not in METRICS and metric not in style.ATTRIBUTION))


def of_attribution(rows: Iterable[Row]) -> list[Row]:
    """The rows with their figures of who made a picture; those without any are left out."""
    return list(_with(rows, style.ATTRIBUTION.__contains__))


def _with(rows: Iterable[Row], wanted: Callable[[str], bool]) -> Iterator[Row]:
    for row in rows:
        metrics = {name: figure for name, figure in row.metrics.items() if wanted(name.rpartition("/")[2])}
        if metrics:
            yield replace(row, metrics=metrics)


def ranked(rows: Sequence[Row], names: Iterable[str]) -> list[Row]:
    """The rows, those of each test set from the best one down by the first of ``names`` that is RANKED_BY, if any."""
    metric = next((name for name in names if name.rpartition("/")[2] == RANKED_BY), None)
    if metric is None:
        return list(rows)
    sets = list(dict.fromkeys(row.test_set for row in rows))

    def rank(row: Row) -> tuple[int, float]:
        value = row.metrics.get(metric, {}).get("value")
        return sets.index(row.test_set), math.inf if value is None else -value

    return sorted(rows, key=rank)


@dataclass(frozen=True)
class Block:
    """Some figures of one level for all runs, few enough to stand abreast."""

    level: str
    rows: list[Row]
    names: list[str]
    continued: bool
    """Whether other figures of the level come before."""


def blocks(rows: Sequence[Row]) -> Iterator[Block]:
    """All figures of all runs, cut into tables."""
    for level, names in by_level(metric_names(rows)).items():
        in_order = ranked(rows, names)
        for start in range(0, len(names), ABREAST):
            yield Block(level, in_order, names[start : start + ABREAST], continued=start > 0)


def metric_names(rows: Iterable[Row]) -> list[str]:
    """All metrics that occur, as ``video/auc``, in the order in which they are shown."""
    return sorted({name for row in rows for name in row.metrics}, key=style.metric_order)


def by_level(names: Iterable[str]) -> dict[str, list[str]]:
    """The metrics of each level (``video``, ``frame``)."""
    levels: dict[str, list[str]] = {}
    for name in names:
        levels.setdefault(name.rpartition("/")[0], []).append(name)
    return levels

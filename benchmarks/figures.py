"""Writes figures as ``training/reproduce.py`` reads them: a line each, and the conditions behind their hashes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.core.paths import atomic
from training.engine.results import write_json
from training.recorded import ABOUT, COLUMNS, FIGURES


@dataclass(frozen=True)
class Measured:
    """A row of a table, with the figures of its run."""

    row: str
    detector: str
    seed: int
    sets: dict[str, Any]
    """``sets`` of the run's metrics.json."""


def write_figures(output: Path, measured: Iterable[Measured], metrics: Sequence[str], about: dict[str, Any]) -> None:
    """Write those of ``metrics`` that are defined, and ``about``, into the folder ``output``."""
    lines = [line for one in measured for line in _lines(one, metrics)]
    with atomic(output / FIGURES) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(lines)
    write_json(output / ABOUT, about)


def _lines(one: Measured, metrics: Sequence[str]) -> Iterable[list[Any]]:
    for test_set, found in one.sets.items():
        for metric in metrics:
            figure = found["metrics"].get(metric, {})
            if figure.get("value") is not None:
                bounds = (figure["value"], figure.get("low"), figure.get("high"))
                rounded = ("" if value is None else f"{value:.6f}" for value in bounds)
                yield [one.row, one.detector, one.seed, test_set, metric, *rounded, found["protocol"]]

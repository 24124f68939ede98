"""Lines of the tables that come with Assay, each as what is needed to run it again: method, protocol, figures."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.literature import Cells, Published, published
from preprocessing.names import full_name
from training.core.errors import ConfigError, DataError, did_you_mean
from training.core.paths import ROOT, shown
from training.engine.results import read_json
from training.leaderboard import Entry

DEMO = ROOT / "benchmarks" / "results"
"""Figures of the demos that were recorded: ``<table>/figures.csv``; in ``about.json`` the conditions behind
their hashes, and how rows are run that are not the leaderboard's.
"""
FIGURES, ABOUT = "figures.csv", "about.json"
COLUMNS = ("row", "detector", "seed", "test_set", "metric", "value", "low", "high", "protocol")


@dataclass(frozen=True)
class Figure:
    """A number of a row."""

    test_set: str
    metric: str
    value: float
    protocol: str | None = None
    """The hash under which it was measured; None where that is not known."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    """``table/row``, as the command line takes it."""
    detector: str
    protocol: str
    figures: tuple[Figure, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    """What the row changes of the detector's YAML and of the protocol."""
    conditions: dict[str, Any] = field(default_factory=dict)
    """Of recorded figures, by hash."""
    literature: tuple[Published, str] | None = None
    """The table of others that it is in, and its name there."""

    @property
    def test_sets(self) -> list[str]:
        """What has to be tested."""
        return list(dict.fromkeys(figure.test_set for figure in self.figures))


def rows() -> dict[str, Row]:
    """All rows by name: those of the demos, then those of the literature that a detector here stands for.

    Raises:
        DataError: a file is damaged.
    """
    demos = (row for path in sorted(DEMO.glob(f"*/{FIGURES}")) for row in of_demo(path))
    return {row.name: row for row in (*demos, *(row for table in published() for row in of_literature(table)))}


def find(name: str, known: dict[str, Row]) -> Row:
    """The row called ``name``.

    Raises:
        ConfigError: there is none.
    """
    if name not in known:
        raise ConfigError(f"no row '{name}'; {did_you_mean(name, known)} --list shows all")
    return known[name]


def of_demo(path: Path) -> Iterator[Row]:
    """The rows of a ``figures.csv``."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    if lines and tuple(lines[0]) != COLUMNS:
        raise DataError(f"{shown(path)}: expected the columns {', '.join(COLUMNS)}")
    about = read_json(path.parent / ABOUT)
    for name in dict.fromkeys(line["row"] for line in lines):
        own = [line for line in lines if line["row"] == name]
        entry = Entry(own[0]["detector"], int(own[0]["seed"]))
        run = about.get("rows", {}).get(name) or {"protocol": entry.protocol, "settings": entry.settings}
        figures = (Figure(n["test_set"], n["metric"], float(n["value"]), n["protocol"] or None) for n in own)
        yield Row(
            f"{path.parent.name}/{name}",
            entry.detector,
            run["protocol"],
            tuple(figures),
            run["settings"],
            about.get("conditions", {}),
        )


def of_literature(table: Published) -> Iterator[Row]:
    """The rows of a published table that name one of our detectors and a protocol."""
    claims = table.claims or {}
    for cells in table.rows if "protocol" in claims else ():
        row = cells[table.row]
        if row in claims["names"]:
            kind = cells.get("protocol", "")
            settings = claims.get("settings", {})
            yield Row(
                f"{table.name}/{row}" + (f"/{kind}" if kind else ""),
                claims["names"][row],
                f"{claims['protocol']}{kind}",
                tuple(_figures(cells, claims)),
                settings.get(f"{row}/{kind}", settings.get(row, {})),
                literature=(table, row + (f", protocol {kind}" if kind else "")),
            )


def _figures(cells: Cells, claims: dict[str, Any]) -> Iterator[Figure]:
    if "metrics" in claims:
        wanted = [(column, claims["test_sets"], metric) for column, metric in claims["metrics"].items()]
    else:
        wanted = [(column, name, claims["metric"]) for column, name in claims["test_sets"].items()]
    for column, test_set, metric in wanted:
        if cells[column]:
            yield Figure(full_name(test_set), metric, float(cells[column]) / claims.get("scale", 1))

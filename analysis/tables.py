"""Tables of runs against test sets: ``python -m analysis.tables RUN [RUN ...] [--output FOLDER]``."""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from analysis import style
from analysis.claims import claims_table, compare
from analysis.collect import Result, collect
from analysis.facts import caveats
from analysis.literature import literature, published
from analysis.markdown import markdown_table
from training.core.cli import add_debug, run_entry
from training.core.paths import atomic, shown
from training.engine.results import write_json

HEADLINES = ("video/auc", "frame/auc")
"""Metrics that get a matrix of runs against test sets of their own."""
ABREAST = 6
"""Figures in one table of several runs; more would be too wide to read."""
RANKED_BY = "all_acc"
"""The metric that orders attribution methods."""

Table = tuple[list[str], list[list[str]]]
"""Header and lines."""


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

    @property
    def name(self) -> str:
        """The run's display name, with the compatibility switches."""
        marks = ", ".join(f"{key}={value}" for key, value in self.compat.items())
        return self.label + (f" [{marks}]" if marks else "")


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
        )
        for result in results
        for test_set in result.sets.values()
    ]


def of_detection(rows: Iterable[Row]) -> list[Row]:
    """The rows with their figures of real against fake; those without any are left out."""
    return list(_with(rows, lambda metric: metric not in style.ATTRIBUTION))


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


def matrix(rows: Sequence[Row], metric: str) -> Table:
    """Header and lines of runs against test sets; with several sets also their mean, where all are defined."""
    sets = list(dict.fromkeys(row.test_set for row in rows))
    lines = []
    for name in dict.fromkeys(row.name for row in rows):
        figures = {row.test_set: row.metrics.get(metric) for row in rows if row.name == name}
        values = [figure["value"] for test_set in sets if (figure := figures.get(test_set))]
        mean = f"{fmean(values):.3f}" if len(values) == len(sets) and None not in values else "-"
        lines.append([name, *(style.figure_text(figures.get(test_set)) for test_set in sets), mean])
    header = [style.metric_name(metric), *map(style.dataset_name, sets), "mean"]
    return (header, lines) if len(sets) > 1 else (header[:-1], [line[:-1] for line in lines])


def markdown(rows: Sequence[Row]) -> str:
    """All figures as Markdown, padded so that it reads well in a terminal: detection, then attribution.

    Of one run: metrics against test sets. Of several: runs against test sets for the headline metrics, then all;
    where makers are told, the best run of each test set comes first.
    """
    tables = _of_several if len({row.name for row in rows}) > 1 else _of_one_run
    detection, attribution = of_detection(rows), of_attribution(rows)
    every = [*tables(detection), *tables(attribution), *_numbers_of_classes(attribution)]
    return "\n".join(markdown_table(*table) for table in every)


def _of_one_run(rows: Sequence[Row]) -> Iterator[Table]:
    if not rows:
        return
    header = [rows[0].name, *(style.dataset_name(row.test_set) for row in rows)]
    figures = [
        [style.metric_name(name), *(style.figure_text(row.metrics.get(name)) for row in rows)]
        for name in metric_names(rows)
    ]
    yield header, figures


def _of_several(rows: Sequence[Row]) -> Iterator[Table]:
    names = metric_names(rows)
    yield from (matrix(rows, metric) for metric in HEADLINES if metric in names)
    for block in blocks(rows):
        lines = [
            [*_whose(row), *(style.figure_text(row.metrics.get(name)) for name in block.names)] for row in block.rows
        ]
        yield ["detector", "test set", *map(style.metric_name, block.names)], lines


def _numbers_of_classes(rows: Sequence[Row]) -> Iterator[Table]:
    if rows:
        lines = [
            [*_whose(row), *(str(row.counts.get(key, "-")) for key in style.CLASS_COUNTS)]
            for row in ranked(rows, metric_names(rows))
        ]
        yield ["detector", "test set", *style.CLASS_COUNTS.values()], lines


def _whose(row: Row) -> list[str]:
    return [row.name, style.dataset_name(row.test_set)]


def with_caveats(results: Sequence[Result]) -> str:
    """All figures as Markdown, and below them what a reader must know before quoting one."""
    notes = (f"- note: {sentence}{f' ({where})' if where else ''}" for sentence, where in caveats(results))
    return "\n".join([markdown(cross_table(results)), *notes]).rstrip() + "\n"


def write_tables(results: Sequence[Result], folder: Path) -> str:
    """Write ``table.md``, ``table.csv`` (one line per figure) and ``table.json`` into ``folder``; the Markdown."""
    rows, text = cross_table(results), with_caveats(results)
    with atomic(folder / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    with atomic(folder / "table.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(_long(rows[0], "video/auc", {})) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(_long(row, name, row.metrics[name]) for row in rows for name in row.metrics)
    write_json(folder / "table.json", [vars(row) for row in rows])
    return text


def report_tables(folder: Path) -> str:
    """Write the tables of one run into its folder; the Markdown to print."""
    return write_tables(collect([folder]), folder)


def _long(row: Row, name: str, figure: dict[str, Any]) -> dict[str, Any]:
    level, _, metric = name.rpartition("/")
    return {
        "detector": row.detector,
        "run": row.run,
        "trained_on": " ".join(row.trained_on),
        "test_set": row.test_set,
        "compat": " ".join(f"{key}={value}" for key, value in row.compat.items()),
        "level": level,
        "metric": metric,
        "value": figure.get("value"),
        "low": figure.get("low"),
        "high": figure.get("high"),
        "note": figure.get("undefined") or figure.get("no_interval"),
    }


def main(argv: list[str]) -> None:
    """Print the tables of some runs, and what others published; with ``--output`` also write those of the runs."""
    parser = argparse.ArgumentParser(prog="python -m analysis.tables", description=__doc__)
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="RUN",
        help="run or test folder, or a folder above them; or DETECTOR@SET.csv of others (path,label,score)",
    )
    parser.add_argument("--published", action="store_true", help="print published tables; with runs, these beside them")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where to write table.md, table.csv, table.json")
    add_debug(parser)
    args = parser.parse_args(argv)
    if not args.runs and not args.published:
        parser.error("the following arguments are required: RUN")
    if not args.runs:
        print(literature())
        return
    results = collect(args.runs)
    print(with_caveats(results))
    if args.published:
        print(claims_table(compare(results, published())))
    if args.output:
        write_tables(results, args.output)
        print(f"tables: {shown(args.output)}/table.{{md,csv,json}}")


if __name__ == "__main__":
    run_entry(main)

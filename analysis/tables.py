"""Tables of runs against test sets: ``python -m analysis.tables RUN [RUN ...] [--output FOLDER]``."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from analysis import style
from analysis.claims import claims_table, compare
from analysis.collect import Result, collect
from analysis.facts import caveats
from analysis.literature import literature, published
from analysis.markdown import markdown_table
from analysis.matrix import HEADLINES, Table, latex, matrix
from analysis.rows import Row, blocks, cross_table, metric_names, of_attribution, of_detection, ranked
from training.core.cli import add_debug, run_entry
from training.core.paths import atomic, shown
from training.engine.results import write_json


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
    """Write ``table.md``, ``.csv`` (one line per figure), ``.json`` and ``.tex`` into ``folder``; the Markdown."""
    rows, text = cross_table(results), with_caveats(results)
    with atomic(folder / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    with atomic(folder / "table.tex") as temporary:
        temporary.write_text(latex(rows), encoding="utf-8")
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
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where to write table.{md,csv,json,tex}")
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
        print(f"tables: {shown(args.output)}/table.{{md,csv,json,tex}}")


if __name__ == "__main__":
    run_entry(main)

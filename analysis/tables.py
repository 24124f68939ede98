"""Tables of runs against test sets: ``python -m analysis.tables RUN [RUN ...] [--output FOLDER]``."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis import style
from analysis.claims import claims_table, compare
from analysis.collect import Result, collect
from analysis.facts import caveats, protocol_notes
from analysis.literature import literature, published
from analysis.markdown import markdown_table
from analysis.marks import LEGEND, Marks, marks
from analysis.matrix import HEADLINES, Table, latex, matrix, write_matrix
from analysis.rows import Row, blocks, cross_table, metric_names, of_attribution, of_detection, ranked
from training.core.cli import add_debug, run_entry
from training.core.paths import atomic, shown
from training.engine.results import write_json


def markdown(rows: Sequence[Row], found: Mapping[str, Marks] | None = None) -> str:
    """All figures as Markdown, padded so that it reads well in a terminal: detection, then attribution.

    Of one run: metrics against test sets. Of several: runs against test sets for the headline metrics, with the marks
    ``found``, then all; where makers are told, the best run of each test set comes first.
    """
    detection, attribution = of_detection(rows), of_attribution(rows)
    several = len({row.name for row in rows}) > 1
    every = [*_matrices(detection, found or {})] if several else []
    for kind in (detection, attribution):
        every += _of_several(kind) if several else _of_one_run(kind)
    return "\n".join(markdown_table(*table) for table in (*every, *_numbers_of_classes(attribution)))


def _matrices(rows: Sequence[Row], found: Mapping[str, Marks]) -> Iterator[Table]:
    names = metric_names(rows)
    yield from (matrix(rows, metric, found.get(metric)) for metric in HEADLINES if metric in names)


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


def with_caveats(results: Sequence[Result], found: Mapping[str, Marks] | None = None) -> str:
    """All figures as Markdown with the marks ``found``, and below what a reader must know before quoting one."""
    notes = [f"- note: {sentence}{f' ({where})' if where else ''}" for sentence, where in caveats(results)]
    legend = [f"- {LEGEND}"] if found and any(found.values()) else []
    return "\n".join([markdown(cross_table(results), found), *legend, *notes]).rstrip() + "\n"


def write_tables(results: Sequence[Result], folder: Path, compared: bool = True) -> str:
    """Write ``table.md``, ``.csv`` (one line per figure), ``.json`` and ``.tex`` into ``folder``; the Markdown.

    Of several runs also ``cross_video_auc.csv`` and ``cross_frame_auc.csv``: runs against test sets. ``compared`` runs
    have marks, for which their score files are read.
    """
    rows, found = cross_table(results), marks(results) if compared else {}
    text = with_caveats(results, found)
    with atomic(folder / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    with atomic(folder / "table.tex") as temporary:
        said = "".join(f"% {sentence}\n" for sentence in protocol_notes(results))
        temporary.write_text(said + latex(rows, found), encoding="utf-8")
    detection = of_detection(rows)
    for metric in metric_names(detection) if len(results) > 1 else ():
        if metric in HEADLINES:
            write_matrix(detection, metric, found.get(metric, {}), folder / f"cross_{metric.replace('/', '_')}.csv")
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
        "protocol": row.protocol,
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
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where to write table.{md,csv,json,tex}, cross_*.csv"
    )
    parser.add_argument("--no-marks", action="store_true", help="compare no runs: reads no score files, takes no time")
    add_debug(parser)
    args = parser.parse_args(argv)
    if not args.runs and not args.published:
        parser.error("the following arguments are required: RUN")
    if not args.runs:
        print(literature())
        return
    results = collect(args.runs)
    if args.output:
        print(write_tables(results, args.output, not args.no_marks))
    else:
        print(with_caveats(results, {} if args.no_marks else marks(results)))
    if args.published:
        print(claims_table(compare(results, published())))
    if args.output:
        print(f"tables: {shown(args.output)}")


if __name__ == "__main__":
    run_entry(main)

"""One HTML file about some runs: ``python -m analysis.report RUN [RUN ...] [--output report.html]``.

The file needs no network and stays below 10 MB. Beside it, in ``<name>_figures``, lie its pictures in full size and the
numbers behind each of them. What ``test.py --robustness``, ``--explain`` and ``preprocessing/check.py`` left is in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from analysis import report_parts, style
from analysis.checks import checks
from analysis.collect import Result, collect
from analysis.embed import figure_uri, fitting, photo_uri
from analysis.facts import caveats, facts
from analysis.marks import ALIKE, LEGEND, marks
from analysis.matrix import HEADLINES
from analysis.rows import blocks, cross_table, metric_names, of_attribution, of_calibration, of_detection, ranked
from analysis.uncovered import WAYS
from training.core.cli import add_debug, run_entry
from training.core.paths import atomic, shown

DRAWN = len(style.COLORS)
"""Runs that figures show; more could not be told apart."""
NAMED = 4
"""Runs that a title names."""
LISTED = 20
"""Leaks, and warnings, that are listed of a data set."""


def write_report(results: Sequence[Result], output: Path) -> None:
    """Write the report on ``results`` to ``output``.

    Raises:
        DataError: the scores behind a run's metrics are missing or damaged, or the page would be too large.
    """
    folder = output.with_name(f"{output.stem}_figures")
    content = {"figures": folder.name, **_tables(results), **_parts(results, folder)}
    page = fitting(lambda scale: _template(scale).render(scale=scale, style=style, **content))
    with atomic(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _tables(results: Sequence[Result]) -> dict[str, Any]:
    rows = cross_table(results)
    detection, attribution = of_detection(rows), of_attribution(rows)
    return {
        "title": ", ".join(r.label for r in results) if len(results) <= NAMED else f"{len(results)} runs",
        "results": results,
        "rows": rows,
        "sets": list(dict.fromkeys(row.test_set for row in rows)),
        "detection": detection,
        "attribution": ranked(attribution, metric_names(attribution)),
        "headlines": [name for name in HEADLINES if name in metric_names(detection)],
        "marks": marks(results),
        "legend": LEGEND,
        "alike": ALIKE,
        "blocks": {
            "All figures": list(blocks(detection)),
            "Calibration, and the threshold of the source": list(blocks(of_calibration(rows))),
            "Attribution": list(blocks(attribution)),
        },
        "facts": [(result.label, facts(result)) for result in results],
        "caveats": caveats(results),
        "checks": checks(results),
        "listed": LISTED,
    }


def _parts(results: Sequence[Result], folder: Path) -> dict[str, Any]:
    frames, few = report_parts.frames_of(results), results[:DRAWN]
    return {
        "drawn": DRAWN,
        "ways": WAYS,
        "bounds": report_parts.bounds_of_coverage(results),
        "errors": report_parts.errors(results, frames),
        "robust": report_parts.robust(few, folder),
        "costs": report_parts.costs(results),
        "sections": list(report_parts.attribution_sections(few, folder)),
        **report_parts.pictures(few, frames, folder),
    }


def _template(scale: float) -> Template:
    """The page's template, whose pictures are embedded at ``scale``."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    uris = {"figure_uri": partial(figure_uri, scale=scale), "photo_uri": partial(photo_uri, scale=scale)}
    environment.filters |= {"dataset_name": style.dataset_name, **uris}
    return environment.get_template("report.html.j2")


def main(argv: list[str]) -> None:
    """Write the report; the last line printed is its path."""
    parser = argparse.ArgumentParser(prog="python -m analysis.report", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run or test folder, or a folder above them")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: report.html, of one run in its folder")
    add_debug(parser)
    args = parser.parse_args(argv)
    results = collect(args.runs)
    folder = results[0].folder if len(results) == 1 and results[0].folder.is_dir() else Path()
    output = args.output or folder / "report.html"
    write_report(results, output)
    print(shown(output))


if __name__ == "__main__":
    run_entry(main)

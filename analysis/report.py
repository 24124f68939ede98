"""One HTML file about some runs: ``python -m analysis.report RUN [RUN ...] [--output report.html]``.

The file needs no network. Beside it, in ``<name>_figures``, lie its pictures and the numbers behind each of them.
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from analysis import style
from analysis.attribution_section import AttributionSection, Picture, attribution_section
from analysis.collect import Result, collect
from analysis.facts import caveats, facts
from analysis.figures.roc import roc
from analysis.figures.score_histogram import score_histogram
from analysis.figures.training_curves import training_curves
from analysis.matrix import HEADLINES
from analysis.rows import blocks, cross_table, metric_names, of_attribution, of_calibration, of_detection, ranked
from training.core.cli import add_debug, run_entry
from training.core.paths import atomic, shown
from training.engine.results import Scores

DRAWN = len(style.COLORS)
"""Runs that figures show; more could not be told apart."""
NAMED = 4
"""Runs that a title names."""
LISTED = 10
"""Most certain errors listed per run and test set."""

Pictures = dict[str, list[Picture]]


def write_report(results: Sequence[Result], output: Path) -> None:
    """Write the report on ``results`` to ``output``.

    Raises:
        DataError: the scores behind a run's metrics are missing or damaged.
    """
    folder = output.with_name(f"{output.stem}_figures")
    videos = {r.label: {n: s.scores().by_video() for n, s in r.sets.items() if s.tells_fakes} for r in results}
    rows = cross_table(results)
    detection, attribution = of_detection(rows), of_attribution(rows)
    page = _template().render(
        title=", ".join(r.label for r in results) if len(results) <= NAMED else f"{len(results)} runs",
        results=results,
        rows=rows,
        sets=list(dict.fromkeys(row.test_set for row in rows)),
        detection=detection,
        attribution=ranked(attribution, metric_names(attribution)),
        headlines=[name for name in HEADLINES if name in metric_names(detection)],
        blocks={
            "All figures": list(blocks(detection)),
            "Calibration, and the threshold of the source": list(blocks(of_calibration(rows))),
            "Attribution": list(blocks(attribution)),
        },
        facts=[(result.label, facts(result)) for result in results],
        caveats=caveats(results),
        errors=[(label, n, list(_errors(rows))) for label, of_run in videos.items() for n, rows in of_run.items()],
        sections=list(_sections(results[:DRAWN], folder)),
        drawn=DRAWN,
        style=style,
        **_pictures(results[:DRAWN], videos, folder),
    )
    with atomic(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"dataset_name": style.dataset_name, "data_uri": _data_uri}
    return environment.get_template("report.html.j2")


def _pictures(results: Sequence[Result], videos: dict[str, dict[str, Scores]], folder: Path) -> Pictures:
    """Per kind of figure: description and file of each that could be drawn."""
    rocs, histograms, curves = [], [], []
    sets = list(dict.fromkeys(name for result in results for name in videos[result.label]))
    for index, name in enumerate(sets):
        runs = {r.label: videos[r.label][name] for r in results if name in videos[r.label]}
        title = style.dataset_name(name)
        rocs.append((f"ROC curves on {title}", roc(runs, title, folder / f"roc_{index}.png")))
        for number, (label, scores) in enumerate(runs.items()):
            path = folder / f"scores_{number}_{index}.png"
            histograms.append((f"Scores of {label} on {title}", score_histogram(scores, f"{label}: {title}", path)))
    for number, result in enumerate(results):
        path = folder / f"training_{number}.png"
        curves.append((f"Training of {result.label}", training_curves(result.log, result.label, path)))
    kinds = {"rocs": rocs, "histograms": histograms, "curves": curves}
    return {kind: [(text, path) for text, path in drawn if path] for kind, drawn in kinds.items()}


def _sections(results: Sequence[Result], folder: Path) -> Iterator[AttributionSection]:
    for number, result in enumerate(results):
        for index, test_set in enumerate(result.sets.values()):
            if test_set.tells_makers:
                yield attribution_section(result, test_set, folder, f"{number}_{index}")


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _errors(videos: Scores) -> Iterator[dict[str, Any]]:
    """The videos on the wrong side of 0.5, most certain first."""
    distance = np.abs(videos.fake_prob - 0.5)
    wrong = np.flatnonzero((videos.fake_prob > 0.5) != (videos.label == 1))
    for row in wrong[np.argsort(-distance[wrong], kind="stable")][:LISTED]:
        yield {"video": videos.video[row], "method": videos.method[row], "score": float(videos.fake_prob[row])}


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

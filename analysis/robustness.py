"""AUC under corruption, of several runs: ``python -m analysis.robustness RUN [RUN ...] [--output robustness.png]``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis import beside, style
from analysis.beside import Runs, on, path_of, sets_of
from analysis.collect import Result
from analysis.figures.robustness import robustness
from analysis.markdown import markdown_table
from training.core.cli import add_debug, run_entry
from training.core.paths import shown
from training.engine.results import ROBUSTNESS, read_json


def find(paths: list[Path]) -> Runs:
    """What ``test.py --robustness`` left in results folders, or in folders above them; see :func:`beside.find`."""
    return beside.find(paths, ROBUSTNESS, "--robustness")


def of_results(results: Sequence[Result]) -> Runs:
    """The same of runs that were collected; of several tests of a set the latest. Runs without any are left out."""
    trees = {result.label: [read_json(path) for path in result.left(ROBUSTNESS)] for result in results}
    return {
        label: {"sets": {name: one for tree in of_run for name, one in tree["sets"].items()}}
        for label, of_run in trees.items()
        if of_run
    }


FIGURES = {"AUC": "video/auc", "drop": "video/drop"}


@dataclass(frozen=True)
class Drops:
    """Video AUC of one run on one test set under each corruption, and how much that costs."""

    test_set: str
    caption: str
    levels: list[str]
    lines: dict[tuple[str, str], list[dict[str, Any] | None]]
    """By corruption and ``AUC`` or ``drop``, a figure per level."""


def drops(runs: Runs) -> Iterator[Drops]:
    """Per test set and run."""
    for name in sets_of(runs):
        for label, found in on(runs, name).items():
            clean, applied = style.figure_text(found["clean"]["video/auc"]), found["applied"]
            about = f"video AUC {clean}; AUC and its drop under corruption {applied}, by level"
            levels = sorted({level for by_level in found["corruptions"].values() for level in by_level})
            yield Drops(
                test_set=name,
                caption=f"{label} on {style.dataset_name(name)}: {about}",
                levels=levels,
                lines={
                    (corruption, name): [by_level.get(level, {}).get(key) for level in levels]
                    for corruption, by_level in found["corruptions"].items()
                    for name, key in FIGURES.items()
                },
            )


def table(runs: Runs) -> str:
    """:func:`drops` in Markdown."""
    return "\n".join(part for one in drops(runs) for part in _table(one))


def _table(found: Drops) -> Iterator[str]:
    yield found.caption
    lines = [[*which, *map(style.figure_text, figures)] for which, figures in found.lines.items()]
    yield markdown_table(["corruption", "", *found.levels], lines)


def draw(runs: Runs, output: Path) -> list[Path]:
    """A figure per test set; see :func:`beside.path_of`."""
    sets = sets_of(runs)
    return [robustness(on(runs, n), style.dataset_name(n), path_of(n, sets, output)) for n in sets]


def main(argv: list[str]) -> None:
    """Print the tables and draw a figure per test set; the last lines printed are their paths."""
    parser = argparse.ArgumentParser(prog="python -m analysis.robustness", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="results folder, or a folder above some")
    parser.add_argument("--output", type=Path, default=Path("robustness.png"), metavar="PNG", help="(robustness.png)")
    add_debug(parser)
    args = parser.parse_args(argv)
    runs = find(args.runs)
    print(table(runs))
    print(*map(shown, draw(runs, args.output)), sep="\n")


if __name__ == "__main__":
    run_entry(main)

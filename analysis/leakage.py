"""Identity leakage of several runs: ``python -m analysis.leakage RUN [RUN ...] [--output leakage.png]``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis import beside, style
from analysis.beside import Runs, on, path_of, sets_of
from analysis.figures.leakage import leakage
from training.core.cli import add_debug, run_entry
from training.core.paths import shown
from training.engine.results import LEAKAGE


def find(paths: list[Path]) -> Runs:
    """What ``test.py --leakage`` left in results folders, or in folders above them; see :func:`beside.find`."""
    return beside.find(paths, LEAKAGE, "--leakage")


def table(runs: Runs) -> str:
    """A few lines per test set: how often each run's features, and those of face recognition, tell the person."""
    return "\n".join(line for name in sets_of(runs) for line in _lines(name, on(runs, name)))


def _lines(name: str, on: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    first = next(iter(on.values()))
    counts = ", ".join(f"{first[key]} {key}" for key in ("persons", "recordings", "frames"))
    yield f"persons told on {style.dataset_name(name)} ({counts}; chance {first['chance']:.3f})"
    rows = [
        (label, style.figure_text(found["features"]), style.figure_text(found["auc"])) for label, found in on.items()
    ]
    rows.append(("face recognition (dlib)", style.figure_text(first["reference"]), "-"))
    width = max(len(label) for label, *_ in rows)
    for label, told, auc in rows:
        yield f"  {label.ljust(width)}  {told.ljust(20)}  video AUC {auc}"


def main(argv: list[str]) -> None:
    """Print the table and draw a figure per test set; the last lines printed are their paths."""
    parser = argparse.ArgumentParser(prog="python -m analysis.leakage", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="results folder, or a folder above some")
    parser.add_argument("--output", type=Path, default=Path("leakage.png"), metavar="PNG", help="(leakage.png)")
    add_debug(parser)
    args = parser.parse_args(argv)
    runs = find(args.runs)
    print(table(runs))
    sets = sets_of(runs)
    for name in sets:
        print(shown(leakage(on(runs, name), style.dataset_name(name), path_of(name, sets, args.output))))


if __name__ == "__main__":
    run_entry(main)

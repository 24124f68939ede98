"""Identity leakage of several runs: ``python -m analysis.leakage RUN [RUN ...] [--output leakage.png]``."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis import style
from analysis.figures.leakage import leakage
from training.core.cli import add_debug, run_entry
from training.core.errors import DataError
from training.core.paths import shown
from training.engine.results import LEAKAGE, read_json

Runs = dict[str, dict[str, Any]]
"""``leakage.json`` by display name."""


def find(paths: list[Path]) -> Runs:
    """What ``test.py --leakage`` left in results folders, or in folders above them.

    Raises:
        DataError: a folder holds none, or a file is damaged.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.rglob(LEAKAGE)) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{shown(path)}: no {LEAKAGE} there or below; measure it: training/test.py --leakage")
        files += found
    trees = {file: read_json(file) for file in dict.fromkeys(files)}
    often = Counter(tree["detector"] for tree in trees.values())
    return {_label(tree["detector"], file, often): tree for file, tree in trees.items()}


def _label(detector: str, file: Path, often: Counter[str]) -> str:
    name = style.detector_name(detector)
    return name if often[detector] == 1 else f"{name} ({file.resolve().parent.name})"


def table(runs: Runs) -> str:
    """A few lines per test set: how often each run's features, and those of face recognition, tell the person."""
    return "\n".join(line for name in _sets(runs) for line in _lines(name, _on(runs, name)))


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


def _sets(runs: Runs) -> list[str]:
    return list(dict.fromkeys(name for tree in runs.values() for name in tree["sets"]))


def _on(runs: Runs, name: str) -> dict[str, dict[str, Any]]:
    return {label: tree["sets"][name] for label, tree in runs.items() if name in tree["sets"]}


def main(argv: list[str]) -> None:
    """Print the table and draw a figure per test set; the last lines printed are their paths."""
    parser = argparse.ArgumentParser(prog="python -m analysis.leakage", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="results folder, or a folder above some")
    parser.add_argument("--output", type=Path, default=Path("leakage.png"), metavar="PNG", help="(leakage.png)")
    add_debug(parser)
    args = parser.parse_args(argv)
    runs = find(args.runs)
    print(table(runs))
    sets = _sets(runs)
    for name in sets:
        path = args.output if len(sets) == 1 else args.output.with_stem(f"{args.output.stem}_{name}")
        print(shown(leakage(_on(runs, name), style.dataset_name(name), path)))


if __name__ == "__main__":
    run_entry(main)

"""What ``test.py`` measures on request and leaves beside its metrics, of several runs: a JSON file per kind and run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis import style
from training.core.errors import DataError
from training.core.paths import shown
from training.engine.results import read_json

Runs = dict[str, dict[str, Any]]
"""The files' trees by display name."""


def find(paths: list[Path], file: str, flag: str) -> Runs:
    """What ``flag`` of test.py left in results folders as ``file``, or in folders above them.

    Raises:
        DataError: a folder holds none, or a file is damaged.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.rglob(file)) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{shown(path)}: no {file} there or below; measure it: training/test.py {flag}")
        files += found
    trees = {file: read_json(file) for file in dict.fromkeys(files)}
    often = Counter(tree["detector"] for tree in trees.values())
    return {_label(tree["detector"], file, often): tree for file, tree in trees.items()}


def sets_of(runs: Runs) -> list[str]:
    """The test sets of any of them."""
    return list(dict.fromkeys(name for tree in runs.values() for name in tree["sets"]))


def on(runs: Runs, name: str) -> dict[str, Mapping[str, Any]]:
    """What those that were tested on the set ``name`` hold of it, by display name."""
    return {label: tree["sets"][name] for label, tree in runs.items() if name in tree["sets"]}


def path_of(name: str, sets: list[str], output: Path) -> Path:
    """Where the figure of one of the test sets goes: its name is added to that of ``output`` if there are several."""
    return output if len(sets) == 1 else output.with_stem(f"{output.stem}_{name}")


def _label(detector: str, file: Path, often: Counter[str]) -> str:
    name = style.detector_name(detector)
    return name if often[detector] == 1 else f"{name} ({file.resolve().parent.name})"

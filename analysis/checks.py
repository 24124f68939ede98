"""What ``preprocessing/check.py`` found in the data behind some runs: leaks, broken files, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.collect import Result
from preprocessing.names import manifest_names, subset
from training.core.errors import DataError
from training.core.paths import MANIFESTS, ROOT, shown
from training.engine.results import read_json

REPORTS = "checks"
"""Folder beside the manifests that the check writes to."""


@dataclass(frozen=True)
class Check:
    """What is known of one data set."""

    dataset: str
    uses: tuple[str, ...]
    """``trained on``, ``tested on``."""
    done: bool
    """Whether it was checked at all."""
    leaks: list[str]
    remarks: list[str]
    broken: int


def checks(results: Sequence[Result]) -> list[Check]:
    """One entry per data set that a run was trained or tested on.

    Raises:
        DataError: what the check left is damaged.
    """
    uses: dict[tuple[Path, str], dict[str, None]] = {}
    for result in results:
        folder = _manifests(result)
        for use, names in (("trained on", result.trained_on), ("tested on", result.sets)):
            for name in names:
                uses.setdefault((folder, subset(name).dataset), {})[use] = None
    return [_check(folder, name, tuple(of_set)) for (folder, name), of_set in uses.items()]


def _manifests(result: Result) -> Path:
    given = Path((result.config.get("data") or {}).get("manifests") or MANIFESTS)
    return given if given.is_absolute() or given.exists() else ROOT / given


def _check(folder: Path, name: str, uses: tuple[str, ...]) -> Check:
    paths = [folder / REPORTS / f"{stem}.json" for stem in manifest_names(name)]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return Check(name, uses, False, [], [], 0)
    try:
        (tree,) = read_json(path).values()
        return Check(name, uses, True, tree["leaks"], tree["remarks"], len(tree["files"]["broken"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{shown(path)}: not what preprocessing/check.py writes ({error!r})") from error

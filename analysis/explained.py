"""Pictures of a run's most certain errors, as ``test.py --explain`` left them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.collect import Result
from training.core.errors import DataError
from training.core.paths import shown
from training.engine.results import read_json

INDEX = "index.json"


@dataclass(frozen=True)
class Explained:
    """A face beside the same face under its heat."""

    path: Path
    caption: str


def explained_errors(result: Result) -> dict[str, list[Explained]]:
    """By test set the errors that were drawn, the most certain first; of several tests of a set the latest.

    Raises:
        DataError: an index is damaged, or names a picture that is not there.
    """
    found: dict[str, list[Explained]] = {}
    for path in result.left(INDEX):
        if path.parent.parent.name == "explain":
            tree = read_json(path)
            try:
                wrong = [one for one in tree["pictures"] if not one["right"]]
                found[tree["test_set"]] = [Explained(path.parent / one["file"], _caption(one)) for one in wrong]
            except KeyError as error:
                raise DataError(f"{shown(path)}: lacks {error}") from error
    for one in (one for errors in found.values() for one in errors):
        if not one.path.is_file():
            raise DataError(f"{shown(one.path)} is not there, though {INDEX} beside it names it")
    return found


def _caption(one: dict) -> str:
    said = f"{one['method']}, said {one['said']} ({one['prob']:.3f})"
    return f"{said}; {one['video']}, frame {one['frame']}; {one['how']}"

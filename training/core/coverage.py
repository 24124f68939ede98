"""Which videos of a test set have frames without a face: a CSV file beside the scores, which have no rows for them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from training.core.errors import DataError
from training.core.paths import atomic, shown


@dataclass(frozen=True, slots=True)
class Faceless:
    """A video in some of whose sampled frames no face was found."""

    dataset: str
    video: str
    label: int
    method: str
    source: str
    compression: str
    with_face: int
    """Sampled frames that have a face, of which testing may take fewer."""
    without_face: int


def faceless_path(scores: Path) -> Path:
    """Where the list lies that belongs to the score file ``scores``."""
    return scores.with_suffix(".faceless.csv")


def write_faceless(path: Path, videos: Sequence[Faceless]) -> None:
    """Write one line per video, atomically."""
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Faceless)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, videos))


def read_faceless(path: Path) -> list[Faceless]:
    """What :func:`write_faceless` wrote.

    Raises:
        DataError: the file is damaged.
    """
    numbers = ("label", "with_face", "without_face")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                Faceless(**{k: int(v) if k in numbers else v for k, v in row.items()}) for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{shown(path)}: not a list of videos with frames without a face ({error})") from error

"""Which frames a run uses: manifests of the named datasets, one split, one compression, evenly spaced frames."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from preprocessing import manifest
from preprocessing.layouts.names import subset
from preprocessing.manifest import REAL, Record
from preprocessing.store import FrameStore, open_store
from training.core.errors import ManifestError
from training.core.paths import ROOT
from training.core.schema import DataConfig


class Faces:
    """The frame stores of several datasets behind one door; safe to send to worker processes."""

    def __init__(self, data: DataConfig) -> None:
        self._root, self._kind = located(data.root), data.store
        self._stores: dict[str, FrameStore] = {}

    def of(self, record: Record) -> FrameStore:
        """The store that holds ``record``.

        Raises:
            ManifestError: its dataset has neither face folders nor an LMDB.
        """
        if record.dataset not in self._stores:
            self._stores[record.dataset] = open_store(self._root, record.dataset, self._kind)
        return self._stores[record.dataset]


def located(path: Path) -> Path:
    """A configured path: as given when it is there, else below the checkout, so that any working folder will do."""
    return path if path.is_absolute() or path.exists() else ROOT / path


def records_of(name: str, split: str, frames: int, data: DataConfig) -> list[Record]:
    """The faces of one dataset as named on the command line (``FF-DF``, ``Celeb-DF-v2``, ``FaceForensics++_c40``).

    At most ``frames`` per video, spread evenly over those that have a face; ``frames`` 0 means all.

    Raises:
        ManifestError: no manifest, or nothing left for this split, compression and these methods.
    """
    dataset, methods, compression = subset(name)
    listed = manifest.read(located(data.manifests) / f"{dataset}.json")
    found = [
        record
        for record in listed.records(split, compression or data.compression)
        if methods is None or record.method in methods
    ]
    if not found:
        raise ManifestError(f"{name}: no faces in split '{split}'{_why_empty(listed, split, compression, data)}")
    by_video = groupby(found, key=lambda record: record.video)
    return [record for _, group in by_video for record in evenly(list(group), frames)]


def evenly(items: list[Record], count: int) -> list[Record]:
    """``count`` of ``items``, evenly spaced from the first to the last; all of them when there are fewer or ``count`` is 0."""
    if count <= 0 or len(items) <= count:
        return items
    if count == 1:
        return [items[len(items) // 2]]
    return [items[i * (len(items) - 1) // (count - 1)] for i in range(count)]


def class_names(records: list[Record]) -> list[str]:
    """Methods in the order of ``batch.method``: real, then the manipulations by name."""
    return [REAL, *sorted({record.method for record in records} - {REAL})]


def person_names(records: list[Record]) -> list[str]:
    """Identities in the order of ``batch.person``."""
    return sorted({record.person for record in records if record.person is not None})


def _why_empty(listed: manifest.Manifest, split: str, compression: str | None, data: DataConfig) -> str:
    splits = sorted({video.split for video, _ in listed.entries})
    if split not in splits:
        return f"; its manifest has {', '.join(splits) or 'no videos at all'}"
    levels = sorted({str(video.compression) for video, _ in listed.entries if video.split == split})
    return f" at compression '{compression or data.compression}'; its manifest has {', '.join(levels)}"

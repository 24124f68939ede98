"""Stored faces, corrupted while they are read: a source of faces that stands for another one."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from preprocessing.manifest import Record
from preprocessing.store import FrameStore
from training.core.errors import DataError
from training.data.corruptions import CORRUPTIONS, h264
from training.data.runs import by_video
from training.data.select import FaceSource

KEPT = 4
"""Videos that were changed as a whole and that each process keeps: batches hold the frames of a few at a time."""

Outcome = np.ndarray | DataError


class CorruptedFaces:
    """The faces of ``faces`` under ``corruption`` at ``level``; masks and landmarks as they are.

    Random draws belong to a record, the corruption and the seed: neither order nor workers move them, and a higher
    level does more of the same. Videos are encoded as the sequence of the ``records`` they have.
    """

    def __init__(
        self, faces: FaceSource, corruption: str, level: int, seed: int, records: Sequence[Record] = ()
    ) -> None:
        self.faces, self.name, self.seed = faces, corruption, seed
        self.change = CORRUPTIONS[corruption].change
        self.value = CORRUPTIONS[corruption].value(level)
        self._videos = {(video[0].dataset, video[0].video): video for video in by_video(records)}
        self._kept: OrderedDict[tuple[str, str], dict[int, Outcome]] = OrderedDict()

    def of(self, record: Record) -> FrameStore:
        """The store that holds ``record``."""
        return _Corrupted(self.faces.of(record), self)

    def picture(self, store: FrameStore, record: Record) -> np.ndarray:
        """The record's picture out of ``store``, corrupted.

        Raises:
            DataError: it cannot be read.
        """
        if self.change is not None:
            return self.change(store.image(record), self.value, generator(self.seed, self.name, record))
        return self.of_video(store, record)

    def of_video(self, store: FrameStore, record: Record) -> np.ndarray:
        """The record's picture out of its whole video. Same errors as :meth:`picture`."""
        key = record.dataset, record.video
        if key not in self._kept:
            self._kept[key] = self.video(store, self._videos[key])
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        found = self._kept[key][record.frame]
        if isinstance(found, DataError):
            raise found
        return found

    def video(self, store: FrameStore, records: Sequence[Record]) -> dict[int, Outcome]:
        """By frame, the encoded picture, or why it cannot be read: the others make a video without it."""
        found: dict[int, Outcome] = {}
        for record in records:
            try:
                found[record.frame] = store.image(record)
            except DataError as error:
                found[record.frame] = error
        readable = {frame: picture for frame, picture in found.items() if not isinstance(picture, DataError)}
        return found | dict(zip(readable, h264(readable.values(), self.value), strict=True))


class _Corrupted(FrameStore):
    """A store whose pictures go through :class:`CorruptedFaces`."""

    def __init__(self, store: FrameStore, faces: CorruptedFaces) -> None:
        super().__init__(store.content, store.where)
        self._store, self._faces = store, faces

    def image(self, record: Record) -> np.ndarray:
        """See :class:`FrameStore`."""
        return self._faces.picture(self._store, record)


def generator(seed: int, corruption: str, record: Record) -> np.random.Generator:
    """The source of what is random in a record's corruption, the same in every process."""
    return np.random.default_rng(list(hashlib.sha256(f"{seed}/{corruption}/{record.key}".encode()).digest()))

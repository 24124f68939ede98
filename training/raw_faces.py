"""Faces out of corrupted raw files: frames are changed first, then cut by the matrices that preprocessing stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from preprocessing import sidecar
from preprocessing.codecs import LOSSY, decode, encode
from preprocessing.faces.align import Crop
from preprocessing.faces.video import Media, open_media
from preprocessing.manifest import Record
from preprocessing.store import FrameStore
from training.core.errors import DataError, ManifestError
from training.core.paths import shown
from training.core.schema import DataConfig
from training.data.corrupted import CorruptedFaces, Outcome, generator
from training.data.corruptions import h264
from training.data.select import Faces, located


class RawFiles:
    """Where the raw files of ``records`` lie below ``root``, and how their faces were cut.

    Raises:
        ManifestError: the faces were not cut by preprocess.py, or a raw file is not there as it was then.
    """

    def __init__(self, root: Path, data: DataConfig, records: Sequence[Record]) -> None:
        self.root, self._notes = root, {}
        for record in records:
            key = record.dataset, record.video
            if record.matrix is None:
                raise ManifestError(f"{record.key}: its manifest holds no matrix to cut it by; leave --raw out")
            if key not in self._notes:
                self._notes[key] = self._note(data, record)

    def _note(self, data: DataConfig, record: Record) -> sidecar.Sidecar:
        faces = sidecar.find_faces(located(data.root), record.dataset, data.store)
        note = sidecar.read(sidecar.sidecar_path(faces, record.video))
        path = self.root / note.raw["file"]
        parts = [*path.iterdir()] if path.is_dir() else [path] if path.is_file() else []
        size = sum(part.stat().st_size for part in parts) if parts else None
        if size != note.raw["bytes"]:
            found = "is not there" if size is None else f"has {size} bytes, not {note.raw['bytes']} as when it was cut"
            raise ManifestError(f"{record.dataset}/{record.video}: {shown(path)} {found}; check --raw")
        return note

    def open(self, record: Record) -> Media:
        """The video or picture that the record was cut from.

        Raises:
            DataError: it cannot be read.
        """
        return open_media(self.root / self._notes[record.dataset, record.video].raw["file"])

    def cut(self, frame: np.ndarray, record: Record) -> np.ndarray:
        """The record's face out of a raw ``frame``, as preprocessing cut and stored it."""
        settings: dict[str, Any] = self._notes[record.dataset, record.video].settings
        crop = Crop(**{key: settings[key] for key in ("size", "scale", "margin") if key in settings})
        face = crop.cut(frame, np.array(record.matrix).reshape(2, 3))
        return decode(encode(face, settings["codec"], settings["quality"])) if settings["codec"] in LOSSY else face


class RawFaces(CorruptedFaces):
    """As :class:`CorruptedFaces`, but what is corrupted is the raw frame, and of H.264 the whole raw video."""

    def __init__(
        self, files: RawFiles, faces: Faces, corruption: str, level: int, seed: int, records: Sequence[Record]
    ) -> None:
        super().__init__(faces, corruption, level, seed, records)
        self.files = files

    def picture(self, store: FrameStore, record: Record) -> np.ndarray:
        """See :class:`CorruptedFaces`; a video's frames are read together."""
        return self.of_video(store, record)

    def video(self, store: FrameStore, records: Sequence[Record]) -> dict[int, Outcome]:  # noqa: ARG002
        """By frame, the face out of the corrupted raw frame, or why there is none."""
        wanted = {record.frame: record for record in records}
        found: dict[int, Outcome] = {
            frame: DataError(f"{record.key}: the raw file has no such frame (any more)")
            for frame, record in wanted.items()
        }
        try:
            for index, frame in self._frames(self.files.open(records[0]), wanted):
                found[index] = self.files.cut(frame, wanted[index])
        except DataError as error:
            return dict.fromkeys(wanted, error)
        return found

    def _frames(self, media: Media, wanted: dict[int, Record]) -> Iterator[tuple[int, np.ndarray]]:
        if self.change is not None:
            for shot in media.read(sorted(wanted)):
                rng = generator(self.seed, self.name, wanted[shot.index])
                yield shot.index, self.change(shot.rgb, self.value, rng)
            return
        seen: list[int] = []

        def pictures() -> Iterator[np.ndarray]:
            for shot in media.read(range(max(wanted) + 1)):
                seen.append(shot.index)
                yield shot.rgb

        for at, frame in enumerate(h264(pictures(), self.value)):
            if seen[at] in wanted:
                yield seen[at], frame

"""Scores files that belong to no data set: the faces of pictures and videos, by the benchmark's own code path.

Each file's faces are cut like the training faces and followed separately. They become records of a store in memory,
which the test recipe draws from and the engine scores like any test set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preprocessing.faces.models import Models
from preprocessing.faces.sampling import Sampling
from preprocessing.faces.tracks import Cut, Track, find_tracks
from preprocessing.faces.video import PICTURE_SUFFIXES, VIDEO_SUFFIXES, open_media
from preprocessing.manifest import REAL, Record
from training.assembly import batches_of, prepare_of
from training.core.errors import ConfigError, DataError, ManifestError
from training.core.paths import shown
from training.core.registry import RECIPES
from training.core.schema import DataConfig
from training.data.runs import Shape
from training.engine.inference import score
from training.engine.prepare import pick_precision
from training.loading import Trained

PREDICTED = "predicted"
"""The data set's name of files that belong to none."""


@dataclass
class FaceVerdict:
    """One followed face: the mean over its frames (clips), and every single one."""

    fake_prob: float
    frames: list[int]
    scores: list[float]
    track: Track


@dataclass
class FileVerdict:
    """One file: the highest of its faces' scores, since one manipulated face makes a manipulated file."""

    path: Path
    fake_prob: float | None = None
    faces: list[FaceVerdict] = field(default_factory=list)
    frames_looked_at: int = 0
    frames_without_face: int = 0
    note: str | None = None
    """What was amiss: no face, truncated, unreadable."""
    failed: bool = False
    """Nothing could be read."""

    def as_json(self) -> dict[str, Any]:
        """Plain data for the results file."""
        return {
            "file": str(self.path),
            "fake_prob": self.fake_prob,
            "faces": [_face_json(face) for face in self.faces],
            "frames_looked_at": self.frames_looked_at,
            "frames_without_face": self.frames_without_face,
            "note": self.note,
            "failed": self.failed,
        }


def find_files(given: list[Path]) -> list[Path]:
    """Files as given, and the pictures and videos below given folders, sorted.

    Raises:
        ConfigError: something given does not exist, or a folder holds no pictures or videos.
    """
    files: list[Path] = []
    for path in given:
        if not path.exists():
            raise ConfigError(f"no such file or folder: {path}")
        found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if _is_media(p))
        if not found:
            raise ConfigError(f"{path}: holds no pictures or videos")
        files += found
    return files


def judge(path: Path, trained: Trained, models: Models, frames: int, device: torch.device) -> FileVerdict:
    """The verdict on one file, cut by ``models``; what cannot be read, or has no face, gives one that says so."""
    verdict = FileVerdict(path)
    try:
        media = open_media(path)
        wanted = _indices(media.total, frames, trained.cfg.data)
        tracks, empty = find_tracks(media.read(wanted), models.find, models.crop)
    except DataError as error:
        verdict.note, verdict.failed = str(error).removeprefix(f"{shown(path)}: "), True
        return verdict
    seen = {cut.index for track in tracks for cut in track.cuts}
    verdict.frames_looked_at, verdict.frames_without_face = len(seen) + len(empty), len(empty)
    verdict.note = media.note
    if not tracks:
        verdict.note = "; ".join(filter(None, ("no face found", media.note)))
        return verdict
    try:
        verdict.faces = _score(tracks, trained, device)
    except (DataError, ManifestError) as error:
        verdict.note = str(error)
        return verdict
    verdict.fake_prob = max(face.fake_prob for face in verdict.faces)
    return verdict


def _indices(total: int, frames: int, data: DataConfig) -> Sequence[int]:
    """Which frames to look at: ``frames`` (0: all) spread over the file; in runs for a method that sees clips."""
    if frames and RECIPES.get(data.recipe.name).neighbors and not data.allow_sparse:
        given = data.recipe.params
        shape = Shape(**{key: given[key] for key in ("length", "stride") if key in given})
        return Sampling("clips", clips=max(1, frames // shape.length), clip_length=shape.span).indices(total)
    return Sampling("even" if frames else "all", frames).indices(total)


@dataclass
class _Memory:
    """A frame store of faces that were cut just now; see :class:`training.data.select.Faces`."""

    crops: dict[str, np.ndarray]
    points: dict[str, np.ndarray | None]

    def of(self, record: Record) -> _Memory:  # noqa: ARG002 - one store holds them all
        return self

    def image(self, record: Record) -> np.ndarray:
        return self.crops[record.key]

    def landmarks(self, record: Record) -> np.ndarray:
        points = self.points[record.key]
        if points is None:
            raise DataError("this method needs landmarks, and the faces it was trained on were cut without any")
        return points


def _score(tracks: list[Track], trained: Trained, device: torch.device) -> list[FaceVerdict]:
    rows = list(_rows(tracks))
    memory = _Memory({r.key: cut.crop for r, cut in rows}, {r.key: cut.landmarks for r, cut in rows})
    records = [record for record, _ in rows]
    cfg = replace(trained.cfg, data=replace(trained.cfg.data, workers=0, frames_test=0))
    batches = batches_of(cfg, records, trained.card.classes, [], device, train=False, faces=memory)
    found = score(
        trained.detector,
        batches(),
        prepare_of(cfg, device),
        records,
        trained.card.classes,
        pick_precision(cfg.precision, device),
        title=None,
    ).scores
    verdicts = []
    for number, track in enumerate(tracks):
        mine = found.select(found.video == str(number))
        if len(mine):
            scores = mine.fake_prob.tolist()
            verdicts.append(FaceVerdict(float(np.mean(scores)), mine.frame.tolist(), scores, track))
    return verdicts


def _rows(tracks: list[Track]) -> Iterator[tuple[Record, Cut]]:
    for number, track in enumerate(tracks):
        for cut in track.cuts:
            name = str(number)
            path = f"{name}/{cut.index}"
            # Label and method are unknown here; no figure is computed from them.
            yield Record(PREDICTED, name, cut.index, 0, REAL, name, "test", image=path, landmarks=path), cut


def _face_json(face: FaceVerdict) -> dict[str, Any]:
    boxes = {cut.index: [cut.box.left, cut.box.top, cut.box.right, cut.box.bottom] for cut in face.track.cuts}
    return {
        "fake_prob": face.fake_prob,
        "frames": [
            {"frame": frame, "fake_prob": value, "box": boxes[frame]}
            for frame, value in zip(face.frames, face.scores, strict=True)
        ],
    }


def _is_media(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES

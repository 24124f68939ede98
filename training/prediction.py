"""Scores files that belong to no data set: the faces of pictures and videos, by the benchmark's own code path.

Each file's faces are cut like the training faces and followed separately. They become records of a store in memory,
which the test recipe draws from and the engine scores like any test set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from preprocessing.faces.models import Models
from preprocessing.faces.sampling import Sampling
from preprocessing.faces.tracks import Cut, Track, find_tracks
from preprocessing.faces.video import PICTURE_SUFFIXES, VIDEO_SUFFIXES, Limits, open_media
from preprocessing.manifest import REAL, Record
from training.assembly import batches_of, prepare_of
from training.core.classes import method_of
from training.core.errors import ConfigError, DataError, ManifestError
from training.core.paths import shown
from training.core.registry import RECIPES
from training.core.schema import DataConfig
from training.core.types import Task
from training.data.recipe import Batches
from training.data.runs import Shape
from training.engine.inference import score
from training.engine.prepare import pick_precision
from training.engine.results import Scores
from training.loading import Trained
from training.verdicts import FaceVerdict, FileVerdict, Maker

PREDICTED = "predicted"
"""The data set's name of files that belong to none."""


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


def judge(
    path: Path, trained: Trained, models: Models, frames: int, device: torch.device, limits: Limits
) -> FileVerdict:
    """The verdict on one file, cut by ``models``; what cannot be read, or has no face, gives one that says so."""
    verdict = FileVerdict(path, names_makers=Task.ATTRIBUTION in trained.detector.tasks)
    try:
        media = open_media(path, limits)
        wanted = _indices(media.total, frames, trained.cfg.data)
        shots = tqdm(media.read(wanted), total=len(wanted), unit="frame", leave=False, disable=len(wanted) == 1)
        tracks, empty = find_tracks(shots, models.find, models.crop)
    except DataError as error:
        verdict.note, verdict.failed = str(error).removeprefix(f"{shown(path)}: "), True
        return verdict
    seen = {cut.index for track in tracks for cut in track.cuts}
    verdict.frames_looked_at, verdict.frames_without_face = len(seen) + len(empty), len(empty)
    verdict.note = media.note
    verdict.calibration = trained.calibrations.get("video" if verdict.frames_looked_at > 1 else "frame")
    if not tracks:
        verdict.note = "; ".join(filter(None, ("no face found", media.note)))
        return verdict
    try:
        verdict.faces = _score(tracks, trained, device)
    except (DataError, ManifestError) as error:
        verdict.note = str(error)
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


def faces_batches(tracks: list[Track], trained: Trained, device: torch.device) -> Batches:
    """The faces of ``tracks`` as the test recipe draws them; track ``n`` is the video ``n``."""
    rows = list(_rows(tracks))
    memory = _Memory({r.key: cut.crop for r, cut in rows}, {r.key: cut.landmarks for r, cut in rows})
    cfg = replace(trained.cfg, data=replace(trained.cfg.data, workers=0, frames_test=0))
    records = [record for record, _ in rows]
    return batches_of(cfg, records, trained.card.classes, [], device, train=False, faces=memory)


def _score(tracks: list[Track], trained: Trained, device: torch.device) -> list[FaceVerdict]:
    batches = faces_batches(tracks, trained, device)
    found = score(
        trained.detector,
        batches(),
        prepare_of(trained.cfg, device),
        batches.recipe.records,
        trained.card.classes,
        pick_precision(trained.cfg.precision, device),
        title=None,
    ).scores
    mine = [found.select(found.video == str(number)) for number in range(len(tracks))]
    return [_verdict(rows, track, trained) for rows, track in zip(mine, tracks, strict=True) if len(rows)]


def _verdict(face: Scores, track: Track, trained: Trained) -> FaceVerdict:
    scores = face.fake_prob.tolist()
    fake_prob = float(np.mean(scores)) if tells_fakes(trained) else None
    maker = Maker.of(face) if Task.ATTRIBUTION in trained.detector.tasks else None
    return FaceVerdict(fake_prob, face.frame.tolist(), scores, track, maker)


def tells_fakes(trained: Trained) -> bool:
    """Whether the method can say that a face is fake: attribution can where real pictures are a known class."""
    known_real = any(method_of(name) == REAL for name in trained.card.classes)
    return known_real or Task.DETECTION in trained.detector.tasks


def _rows(tracks: list[Track]) -> Iterator[tuple[Record, Cut]]:
    for number, track in enumerate(tracks):
        for cut in track.cuts:
            name = str(number)
            path = f"{name}/{cut.index}"
            # Label and method are unknown here; no figure is computed from them.
            yield Record(PREDICTED, name, cut.index, 0, REAL, name, "test", image=path, landmarks=path), cut


def _is_media(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES
